// A question as lines for a terminal: pure.
#pragma once
#include "approvals/approval.hpp"

#include <cstddef>
#include <string>

namespace sallyport {

struct QuestionStyle {
  bool colour = false;
  std::string policy;    // the file that `always` writes; empty: it is not offered
  std::size_t more = 0;  // questions that wait behind this one
};

// Ends with the prompt, behind which the cursor stays. Whatever an agent or its programs have said is in quotes.
std::string question_text(const Approval& approval, const QuestionStyle& style);

// "POST example.com:443 /repos/**": what is asked for. Names of more than 80 characters are cut in the middle.
std::string destination_text(const Approval& approval, bool colour);

}  // namespace sallyport
