#include "proxy/wire/websocket.hpp"

#include <gtest/gtest.h>

namespace sallyport::wire {
namespace {

constexpr const char* key = "dGhlIHNhbXBsZSBub25jZQ==";
constexpr const char* accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

RequestHead asking(Fields fields) {
  RequestHead head;
  head.fields = std::move(fields);
  return head;
}

ResponseHead answering(Fields fields) {
  ResponseHead head;
  head.fields = std::move(fields);
  return head;
}

TEST(WebSocket, AcceptIsThatOfTheRfc) {
  EXPECT_EQ(websocket_accept(key), accept);
}

TEST(WebSocket, C_09_OnlyTheAnswerToThisKeyIsOne) {
  const RequestHead asked = asking({{"sec-websocket-KEY", key}});
  EXPECT_TRUE(answers_websocket(asked, answering({{"Sec-WebSocket-Accept", accept}})));
  EXPECT_FALSE(answers_websocket(asked, answering({{"Sec-WebSocket-Accept", "AAAAAAAAAAAAAAAAAAAAAAAAAAA="}})));
  EXPECT_FALSE(answers_websocket(asked, answering({})));
  EXPECT_FALSE(answers_websocket(asking({}), answering({{"Sec-WebSocket-Accept", accept}})));
  EXPECT_FALSE(answers_websocket(asking({{"Sec-WebSocket-Key", ""}}),
                                 answering({{"Sec-WebSocket-Accept", websocket_accept("")}})));
}

TEST(WebSocket, C_09_TwoKeysOrTwoAnswersAreNone) {
  const Field right{"Sec-WebSocket-Accept", accept};
  const Field asked{"Sec-WebSocket-Key", key};
  EXPECT_FALSE(answers_websocket(asking({asked}), answering({right, right})));
  EXPECT_FALSE(answers_websocket(asking({asked, asked}), answering({right})));
}

}  // namespace
}  // namespace sallyport::wire
