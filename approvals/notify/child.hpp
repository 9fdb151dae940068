// A program run with nothing of ours but a text on its standard input.
#pragma once
#include "net/child_process.hpp"
#include "net/task.hpp"
#include "policy/result.hpp"

#include <boost/asio/posix/basic_stream_descriptor.hpp>

#include <string>
#include <vector>

namespace sallyport {

// It has an environment of PATH and HOME, no descriptors but the first three, `/` as its folder, a session of its own,
// and our user and no_new_privs. Whatever of its process group is left is killed, and it is reaped, at the latest when
// this dies.
class Child {
 public:
  static Outcome<Child> start(asio::io_context& context, const std::vector<std::string>& arguments,
                              const std::string& input);
  struct End {
    int status = 0;  // of exit(), or 128 and the signal
    std::string said;
  };
  // Until it has ended. Of what it prints, on either stream, the first 4 KiB are kept and the rest is thrown away.
  Task<Result<End>> finish();

 private:
  using Pipe = asio::posix::basic_stream_descriptor<Executor>;
  Child(asio::io_context& context, ChildProcess process, int output);
  Task<> listen();
  Task<> ended();
  void keep(const char* bytes, std::size_t size);

  ChildProcess process_;
  Pipe ended_, output_;
  std::string said_;
};

}  // namespace sallyport
