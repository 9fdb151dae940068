// A policy file with one rule more: text in, text out.
#pragma once
#include "policy/destination.hpp"
#include "policy/result.hpp"

#include <string>
#include <string_view>

namespace sallyport {

struct NewRule {
  std::string agent;  // where the file has a section for it, the rule goes there; else among the rules of all
  Destination to;
  bool ssh = false;
  std::string method, path;  // empty: any
};

// The text with `allow: HOST` at the end of those rules, with ports where they are not 80 or 443, and the comment in a
// line before it. Every other byte stays as it was; indentation and line ends are the file's own. An empty text, or one
// with comments alone, becomes a policy of version 1.
//
// A complaint where the text is no YAML, or written so that a rule can't be put in: what comes out has been read again,
// and says what the text said and this rule. Whether the rule decides anything is for the caller to ask.
Outcome<std::string> add_rule(std::string_view text, const NewRule& rule, std::string_view comment);

}  // namespace sallyport
