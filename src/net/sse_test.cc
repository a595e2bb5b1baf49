#include <net/sse.h>

#include <gmock/gmock.h>

namespace ragent {
namespace {

using testing::ElementsAre;

// "event|id|data" of each event; what came is cut into pieces of `size` bytes.
std::vector<std::string> read(std::string_view text, std::size_t size) {
  std::vector<std::string> events;
  SseReader reader;
  while (!text.empty()) {
    const std::string_view piece = text.substr(0, size);
    const Result<void> fed = reader.feed(piece, [&](const SseEvent& event) -> Result<void> {
      events.push_back(event.event + "|" + event.id + "|" + event.data);
      return {};
    });
    EXPECT_TRUE(fed) << fed.error().message;
    text.remove_prefix(piece.size());
  }
  return events;
}

constexpr std::string_view kStream =
    "\xEF\xBB\xBF: a comment\n\ndata: one\n\nevent: delta\r\nid: 7\r\ndata:two\r\ndata:  three\r\n"
    "\r\ndata\n\nretry: 5\nunknown: x\ndata: {\"a\":\"\xC3\xA9\"}\r\rid\ndata: last\n\n"
    "event: dropped\n\ndata: never whole";

TEST(Sse, EveryCutGivesTheSameEvents) {
  const std::vector<std::string> whole = read(kStream, kStream.size());
  EXPECT_THAT(whole, ElementsAre("||one", "delta|7|two\n three", "|7|", "|7|{\"a\":\"\xC3\xA9\"}",
                                 "||last"));
  for (std::size_t size = 1; size < kStream.size(); ++size) EXPECT_EQ(read(kStream, size), whole);
}

TEST(Sse, WrittenIsRead) {
  const SseEvent event{.event = "delta", .id = "7", .data = "a\n\nb: c\n"};
  EXPECT_EQ(*sse_text(event), "event: delta\nid: 7\ndata: a\ndata: \ndata: b: c\ndata: \n\n");
  EXPECT_THAT(read(*sse_text(event), 1), ElementsAre("delta|7|a\n\nb: c\n"));
  EXPECT_THAT(read(*sse_text({.data = ""}), 1), ElementsAre("||"));
}

TEST(Sse, ANameThatWouldBeAnotherFieldIsNotWritten) {
  EXPECT_EQ(*sse_text({.event = "x", .data = "y\r\nz\rw"}),
            "event: x\ndata: y\ndata: z\ndata: w\n\n");
  const std::string zero(1, '\0'), much(limits::kSseNameBytesMax + 1, 'x');
  for (const SseEvent& bad : {SseEvent{.event = "x\ndata: forged"},
                              {.event = "x\r"},
                              {.event = much},
                              {.id = "7\n"},
                              {.id = zero},
                              {.id = much}}) {
    const auto text = sse_text(bad);
    ASSERT_FALSE(text);
    EXPECT_EQ(text.error().kind, ErrorKind::invalid);
  }
}

TEST(Sse, AnEventHasALimit) {
  const auto nothing = [](const SseEvent&) -> Result<void> { return {}; };
  SseReader line;
  const std::string much(limits::kSseEventBytesMax, 'x');
  EXPECT_TRUE(line.feed(much, nothing));
  EXPECT_FALSE(line.feed("x", nothing));
  for (const std::string_view name : {"id: ", "event: "}) {
    SseReader named;
    const std::string most = much.substr(0, limits::kSseNameBytesMax);
    EXPECT_TRUE(named.feed(std::string(name) + most + "\n", nothing));
    EXPECT_FALSE(named.feed(std::string(name) + most + "x\n", nothing));
  }
  SseReader lines;
  const std::string half = "data: " + much.substr(0, much.size() / 2) + "\n";
  EXPECT_TRUE(lines.feed(half, nothing));
  const Result<void> second = lines.feed(half, nothing);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().kind, ErrorKind::invalid);
}

TEST(Sse, AnErrorOfTheReaderEndsIt) {
  SseReader reader;
  int events = 0;
  const Result<void> fed = reader.feed("data: 1\n\ndata: 2\n\n", [&](const SseEvent&) {
    ++events;
    return Result<void>(fail(ErrorKind::invalid, "no"));
  });
  EXPECT_FALSE(fed);
  EXPECT_EQ(events, 1);
}

TEST(Sse, KnowsWhetherAnEventIsHalf) {
  const auto nothing = [](const SseEvent&) -> Result<void> { return {}; };
  SseReader reader;
  EXPECT_TRUE(reader.between_events());
  for (const std::string_view half : {"da", "ta: x", "\n"}) {
    EXPECT_TRUE(reader.feed(half, nothing));
    EXPECT_FALSE(reader.between_events());
  }
  EXPECT_TRUE(reader.feed("\n", nothing));
  EXPECT_TRUE(reader.between_events());
  for (const std::string_view half : {"id: 7\n", "event:\n"}) {
    EXPECT_TRUE(reader.feed(half, nothing));
    EXPECT_FALSE(reader.between_events());
    EXPECT_TRUE(reader.feed("\n: a comment\n", nothing));
    EXPECT_TRUE(reader.between_events());
  }
}

}  // namespace
}  // namespace ragent
