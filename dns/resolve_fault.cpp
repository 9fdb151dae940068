#include "dns/resolver.hpp"

namespace sallyport::dns {
namespace {

const char* sentence(ResolveFault fault) {
  switch (fault) {
    case ResolveFault::not_found:
      return "the name does not exist";
    case ResolveFault::no_data:
      return "the name exists but has no such record";
    case ResolveFault::timeout:
      return "no DNS server answered in time";
    case ResolveFault::refused:
      return "the DNS server refused to answer";
    case ResolveFault::server_failure:
      return "the DNS server failed to answer";
    case ResolveFault::garbage:
      return "the DNS server's answer could not be understood";
    case ResolveFault::unreachable:
      return "every DNS server refused, failed or could not be reached";
    case ResolveFault::overloaded:
      return "too many look-ups are under way";
    case ResolveFault::stopped:
      return "the resolver is stopping";
  }
  return "the name could not be resolved";
}

class Category final : public boost::system::error_category {
 public:
  const char* name() const noexcept override { return "resolve"; }
  std::string message(int value) const override { return sentence(static_cast<ResolveFault>(value)); }
};

}  // namespace

const boost::system::error_category& resolve_category() {
  static const Category category;
  return category;
}

boost::system::error_code make_error_code(ResolveFault fault) {
  return {static_cast<int>(fault), resolve_category()};
}

}  // namespace sallyport::dns
