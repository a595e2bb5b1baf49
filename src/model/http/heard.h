// Heard: what came of a response's bytes in a dialect, for the tests of the readers; and what holds
// of every dialect: the same reply whatever the pieces, and none of a beginning.
//
//   const Heard heard = hear(anthropic(), bytes, {.size = 7});
//   EXPECT_EQ(heard.deltas, "r:Hm t:Hello c:add ");
#pragma once

#include <model/http/dialect.h>

#include <gmock/gmock.h>

#include <algorithm>

namespace ragent {

struct Heard {
  Result<Reply> reply = fail(ErrorKind::internal, "not read");
  std::string deltas = {};  // "t:Hello r:Hm c:add "
  std::string text = {};  // of them
};

struct Hearing {
  std::size_t size = std::string_view::npos;  // of a piece
  std::string_view type = "text/event-stream; charset=utf-8";
};
inline constexpr Hearing kAsJson = {.type = "application/json"};

inline Heard hear(const Dialect& dialect, std::string_view bytes, Hearing as = {}) {
  Heard out;
  auto reader = dialect.reader({.headers = {{"Content-Type", std::string(as.type)}}});
  if (!reader) return {.reply = fail(reader.error())};
  const DeltaSink sink = [&](const Delta& delta) {
    out.deltas += "trc"[static_cast<int>(delta.kind)] + (":" + delta.text) + " ";
    if (delta.kind == Delta::Kind::text) out.text += delta.text;
  };
  while (!bytes.empty()) {
    const std::string_view piece = bytes.substr(0, as.size);
    if (auto fed = (*reader)->feed(piece, sink); !fed) {
      EXPECT_EQ((*reader)->finish().error(), fed.error());  // what failed stays so
      out.reply = fail(fed.error());
      return out;
    }
    bytes.remove_prefix(piece.size());
  }
  out.reply = (*reader)->finish();
  return out;
}

inline void expect_same_in_pieces(const Dialect& dialect, std::string_view bytes) {
  const Heard whole = hear(dialect, bytes);
  ASSERT_TRUE(whole.reply) << whole.reply.error().message;
  for (std::size_t size : {1, 2, 3, 7, 64}) {
    const Heard pieces = hear(dialect, bytes, {.size = size});
    ASSERT_TRUE(pieces.reply) << pieces.reply.error().message;
    EXPECT_EQ(*pieces.reply, *whole.reply);
    EXPECT_EQ(pieces.deltas, whole.deltas);
  }
}

inline void expect_none_of_a_beginning(const Dialect& dialect, std::string_view bytes,
                                       Hearing as = {}) {
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const Heard cut = hear(dialect, bytes.substr(0, size), as);
    ASSERT_FALSE(cut.reply) << size;
    ASSERT_EQ(cut.reply.error().kind, ErrorKind::unavailable) << size;
  }
}

}  // namespace ragent
