#include "proxy/http2/session_setup.hpp"

#include "proxy/wire/http2_translate.hpp"

#include <algorithm>
#include <new>

namespace sallyport {
namespace {

struct OptionDeleter {
  void operator()(nghttp2_option* option) const { nghttp2_option_del(option); }
};
using Option = std::unique_ptr<nghttp2_option, OptionDeleter>;

Option make_option(const Http2Options& options) {
  nghttp2_option* made = nullptr;
  if (nghttp2_option_new(&made) != 0) throw std::bad_alloc();
  Option option(made);
  nghttp2_option_set_no_auto_window_update(made, 1);
  // nghttp2 counts a frame once more for each piece in which its nine bytes of head come; its own 8 would let a client
  // down that sends in small pieces.
  constexpr std::size_t continuations = 64;
  nghttp2_option_set_max_continuations(made, continuations);
  nghttp2_option_set_max_send_header_block_length(made, 4 * options.head_bytes);
  nghttp2_option_set_no_closed_streams(made, 1);
  nghttp2_option_set_max_deflate_dynamic_table_size(made, 4096);
  return option;
}

constexpr std::size_t widest = 0x7fffffff;

void submit_settings(nghttp2_session* session, std::vector<nghttp2_settings_entry> entries,
                     const Http2Options& options) {
  entries.push_back({NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, options.stream_window});
  entries.push_back(
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, static_cast<std::uint32_t>(std::min(options.head_bytes, widest))});
  nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, entries.data(), entries.size());
  set_connection_window(session, options, 0);
}

}  // namespace

void set_connection_window(nghttp2_session* session, const Http2Options& options, std::size_t more) {
  // So many streams whose readers wait fill it, and what is kept of it in memory; one of them, or a few that are held,
  // must not stop the others.
  constexpr std::size_t streams = 16;
  constexpr std::size_t least = 65535;  // RFC 9113, 6.9.2
  const std::size_t window = std::clamp(options.stream_window * streams + more, least, widest);
  nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0, static_cast<std::int32_t>(window));
}

nghttp2_session* make_client_session(const nghttp2_session_callbacks& callbacks, const Http2Options& options,
                                     void* user_data) {
  const Option option = make_option(options);
  nghttp2_session* session = nullptr;
  if (nghttp2_session_client_new2(&session, &callbacks, user_data, option.get()) != 0) throw std::bad_alloc();
  submit_settings(session, {{NGHTTP2_SETTINGS_ENABLE_PUSH, 0}}, options);
  return session;
}

nghttp2_session* make_server_session(const nghttp2_session_callbacks& callbacks, const Http2Options& options,
                                     void* user_data) {
  const Option option = make_option(options);
  nghttp2_session* session = nullptr;
  if (nghttp2_session_server_new2(&session, &callbacks, user_data, option.get()) != 0) throw std::bad_alloc();
  submit_settings(session, {{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, options.max_streams}}, options);
  return session;
}

std::vector<nghttp2_nv> as_nghttp2(const wire::Fields& fields) {
  std::vector<nghttp2_nv> pairs;
  pairs.reserve(fields.size());
  for (const wire::Field& field : fields) {
    // nghttp2 copies, and only reads.
    auto* name = reinterpret_cast<std::uint8_t*>(const_cast<char*>(field.name.data()));
    auto* value = reinterpret_cast<std::uint8_t*>(const_cast<char*>(field.value.data()));
    const auto flags =
        static_cast<std::uint8_t>(wire::is_never_indexed(field) ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE);
    pairs.push_back({name, value, field.name.size(), field.value.size(), flags});
  }
  return pairs;
}

}  // namespace sallyport
