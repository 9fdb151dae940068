#include "proxy/http2/error.hpp"

namespace sallyport {

namespace {

const char* sentence(Http2Error error) {
  switch (error) {
    case Http2Error::no_error:
      return "the other side ended the stream early";
    case Http2Error::protocol_error:
      return "the other side takes it for a violation of HTTP/2";
    case Http2Error::internal_error:
      return "the other side had an internal error";
    case Http2Error::flow_control_error:
      return "the other side takes it for a violation of flow control";
    case Http2Error::settings_timeout:
      return "the other side waited too long for settings";
    case Http2Error::stream_closed:
      return "the other side had closed the stream already";
    case Http2Error::frame_size_error:
      return "the other side did not take the frame's size";
    case Http2Error::refused_stream:
      return "the other side refused the request before it looked at it";
    case Http2Error::cancel:
      return "the other side cancelled the stream";
    case Http2Error::compression_error:
      return "the other side could not decompress a head";
    case Http2Error::connect_error:
      return "the other side's own connection broke";
    case Http2Error::enhance_your_calm:
      return "the other side found the load excessive";
    case Http2Error::inadequate_security:
      return "the other side wants better TLS";
    case Http2Error::http_1_1_required:
      return "the other side wants HTTP/1.1 for this";
    case Http2Error::malformed_answer:
      return "the other side's answer is not well-formed HTTP/2";
    case Http2Error::connection_ended:
      return "the HTTP/2 connection ended";
  }
  return "the other side ended the stream with an unknown code";
}

class Category final : public boost::system::error_category {
 public:
  const char* name() const noexcept override { return "http2"; }
  std::string message(int value) const override {
    return sentence(static_cast<Http2Error>(static_cast<std::uint32_t>(value)));
  }
};

}  // namespace

const boost::system::error_category& http2_category() {
  static const Category category;
  return category;
}

error_code make_error_code(Http2Error error) {
  return {static_cast<int>(error), http2_category()};
}

}  // namespace sallyport
