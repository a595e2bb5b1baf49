#include <cli/chat/keys.h>

#include <gmock/gmock.h>

namespace ragent::cli {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

Key key(Key::Kind kind) { return {.kind = kind}; }
Key text(std::string text) { return {.kind = Key::Kind::text, .text = std::move(text)}; }
Key paste(std::string text) { return {.kind = Key::Kind::paste, .text = std::move(text)}; }

TEST(KeyReaderTest, TextAndControls) {
  KeyReader reader;
  EXPECT_THAT(reader.feed("hé\r"), ElementsAre(text("hé"), key(Key::Kind::enter)));
  EXPECT_THAT(reader.feed("\x03\x04\x1a\x7f\t"),
              ElementsAre(key(Key::Kind::interrupt), key(Key::Kind::leave), key(Key::Kind::suspend),
                          key(Key::Kind::backspace), key(Key::Kind::tab)));
  EXPECT_THAT(reader.feed("\x1b[A\x1bOD\x1b[1;5C\x1b\r\x1b[3~"),
              ElementsAre(key(Key::Kind::up), key(Key::Kind::left), key(Key::Kind::word_right),
                          key(Key::Kind::newline), key(Key::Kind::erase)));
}

TEST(KeyReaderTest, EveryCutGivesTheSameKeys) {
  std::string bytes = "a\x1b[Aü漢\x1b[200~one\rtwo\x1b[20 three\x1b[201~\x1b[1;5Db\r";
  KeyReader whole;
  std::vector<Key> expected = whole.feed(bytes);
  EXPECT_THAT(expected,
              ElementsAre(text("a"), key(Key::Kind::up), text("ü漢"), paste("one\ntwo[20 three"),
                          key(Key::Kind::word_left), text("b"), key(Key::Kind::enter)));
  auto join = [](const std::vector<Key>& keys) {
    std::string out;
    for (const Key& one : keys) {
      out += one.kind == Key::Kind::text
                 ? one.text
                 : "<" + std::to_string(static_cast<int>(one.kind)) + one.text + ">";
    }
    return out;
  };
  for (std::size_t cut = 0; cut <= bytes.size(); ++cut) {
    KeyReader reader;
    std::vector<Key> keys = reader.feed(bytes.substr(0, cut));
    for (Key& one : reader.feed(bytes.substr(cut))) keys.push_back(std::move(one));
    EXPECT_EQ(join(keys), join(expected)) << "cut at " << cut;
    EXPECT_FALSE(reader.pending());
  }
  KeyReader bytewise;
  std::vector<Key> keys;
  for (char byte : bytes) {
    for (Key& one : bytewise.feed({&byte, 1})) keys.push_back(std::move(one));
  }
  EXPECT_EQ(join(keys), join(expected));
}

TEST(KeyReaderTest, ALoneEscapeIsKnownOnceNothingFollows) {
  KeyReader reader;
  EXPECT_THAT(reader.feed("\x1b"), IsEmpty());
  EXPECT_TRUE(reader.pending());
  EXPECT_THAT(reader.flush(), ElementsAre(key(Key::Kind::escape)));
  EXPECT_THAT(reader.feed("[A"), ElementsAre(text("[A")));
}

TEST(KeyReaderTest, WhatIsNotKnownIsDropped) {
  KeyReader reader;
  EXPECT_THAT(reader.feed("\x1b[38;5;1;2z\x1b[?1;2cx"), ElementsAre(text("x")));
  EXPECT_THAT(reader.feed("\x1b[999999999999999999999999999999999999"), IsEmpty());
  EXPECT_THAT(reader.flush(), IsEmpty());
  EXPECT_THAT(reader.feed(std::string("\0\x1c", 2)), IsEmpty());
}

TEST(KeyReaderTest, APastedBlockHasNoPower) {
  KeyReader reader;
  EXPECT_THAT(reader.feed("\x1b[200~a\x03\x1b]0;x\x07\r\nb\tc\xff\x1b[201~"),
              ElementsAre(paste("a]0;x\nb\tc\xef\xbf\xbd")));
}

}  // namespace
}  // namespace ragent::cli
