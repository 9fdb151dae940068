// What an agent's own request says. Where the answer says it again, the agent learns nothing of a secret by it: neither
// may whether it is masked, or else who guesses a part of a secret is told whether the guess was right.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport {

// Not for two threads at once: what was said is read when it is first asked for.
class OwnWords {
 public:
  // To be called before the first question.
  void add(std::string_view text);

  // How many characters of a part, of a PlainText, stand in nothing of four characters that was said: in any case, in
  // any of look_at_readings(), in base64, forwards or backwards. What says too much says nothing.
  std::size_t count_others(std::string_view part) const;

 private:
  void read() const;

  std::string text_;
  mutable bool is_read_ = false;
  mutable std::vector<std::uint32_t> windows_;  // of four characters; sorted
};

}  // namespace sallyport
