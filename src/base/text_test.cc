#include <base/text.h>

#include <ragent/tenant.h>

#include <base/random.h>

#include <gmock/gmock.h>

namespace ragent {
namespace {

using testing::ElementsAre;

std::optional<std::string> near(std::string_view word) {
  static const std::vector<std::string> kKeys = {"profile", "planner",      "model", "tools",
                                                 "budget",  "instructions", "to"};
  return nearest(word, kKeys);
}

TEST(Text, NearestFindsTypingErrors) {
  EXPECT_EQ(near("profil"), "profile");
  EXPECT_EQ(near("palnner"), "planner");  // a swap is one edit
  EXPECT_EQ(near("instrctons"), "instructions");
  EXPECT_EQ(near("modle"), "model");
  EXPECT_EQ(near("tool"), "tools");
}

TEST(Text, NearestDoesNotGuess) {
  EXPECT_EQ(near("weather"), std::nullopt);
  EXPECT_EQ(near(""), std::nullopt);
  EXPECT_EQ(near("xy"), std::nullopt);  // two edits make anything of two letters
  EXPECT_EQ(near(std::string(100'000, 'a')), std::nullopt);
  EXPECT_EQ(nearest("a", std::span<const std::string>()), std::nullopt);
}

TEST(Text, Utf8IsStrict) {
  for (const char* good : {"", "a", "é", "€", "😀", "\x7f", "\xed\x9f\xbf", "\xf4\x8f\xbf\xbf"}) {
    EXPECT_TRUE(valid_utf8(good)) << good;
  }
  for (const char* bad :
       {"\x80", "\xc3", "\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80",
        "\xf8\x88\x80\x80\x80", "\xff", "a\xe2\x82", "\xf0\x80\x80\xaf"}) {
    EXPECT_FALSE(valid_utf8(bad));
    EXPECT_TRUE(valid_utf8(to_utf8(bad)));
  }
  EXPECT_EQ(to_utf8("a\xff z"), "a\xef\xbf\xbd z");
}

TEST(Text, PrefixNeverCutsACharacter) {
  const std::string text = "aé€😀z";
  for (std::size_t n = 0; n <= text.size() + 1; ++n) {
    const std::string prefix = utf8_prefix(text, n);
    EXPECT_TRUE(valid_utf8(prefix)) << n;
    EXPECT_LE(prefix.size(), n);
    EXPECT_TRUE(text.starts_with(prefix));
    EXPECT_GT(prefix.size() + 4, std::min(n, text.size()));  // and drops no whole one
  }
}

TEST(Text, AnyBytesBecomePrintable) {
  SeededRandom random(42);
  for (int i = 0; i < 2000; ++i) {
    std::string bytes;
    for (std::uint64_t n = random.below(20); n > 0; --n) {
      bytes += static_cast<char>(random.below(256));
    }
    EXPECT_TRUE(valid_utf8(to_utf8(bytes)));
    EXPECT_EQ(valid_utf8(bytes), to_utf8(bytes) == bytes);
    const std::string line = printable(bytes, 1000);
    EXPECT_TRUE(valid_utf8(line));
    EXPECT_EQ(line.find_first_of(std::string("\n\r\t\0", 4)), std::string::npos);
  }
  EXPECT_EQ(printable("a\n\xff", 80), "a\\x0a\\xff");
  EXPECT_EQ(printable("abcdef", 3), "abc…");
}

TEST(Text, WhatIsShownCannotSpeakToATerminal) {
  EXPECT_EQ(visible("a\x1b[2Jb"), "a\\x1b[2Jb");
  EXPECT_EQ(visible("a\r\x07\x7f"), "a\\x0d\\x07\\x7f");
  EXPECT_EQ(visible("\u009b2J"), "\\x9b2J");  // C1: CSI in one character
  EXPECT_EQ(visible("\u202egnp.exe"), "\\u202egnp.exe");
  EXPECT_EQ(visible("\xff\xc3"), "\\xff\\xc3");
  EXPECT_EQ(visible("\xed\xa0\x80"), "\\xed\\xa0\\x80");  // half a surrogate
  EXPECT_EQ(visible("Café\n\t→ 东京 🛫"), "Café\n\t→ 东京 🛫");
  EXPECT_EQ(printable("\u202e\t\u009b", 80), "\\u202e\\x09\\x9b");
  EXPECT_EQ(visible(visible("\x1b")), "\\x1b");
}

TEST(Text, Splitting) {
  EXPECT_THAT(split("a,,b", ','), ElementsAre("a", "", "b"));
  EXPECT_THAT(split("", ','), ElementsAre(""));
  EXPECT_THAT(words("  a\tbc\n"), ElementsAre("a", "bc"));
  EXPECT_TRUE(words(" \n").empty());
  EXPECT_EQ(trim("\t a b \r\n"), "a b");
  EXPECT_EQ(join(std::vector<std::string>{"a", "b", "c"}, ", "), "a, b, c");
  EXPECT_EQ(to_lower("Praha ÉB"), "praha Éb");
}

TEST(Text, Base64) {  // RFC 4648, section 10
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("f"), "Zg==");
  EXPECT_EQ(base64("fo"), "Zm8=");
  EXPECT_EQ(base64("foo"), "Zm9v");
  EXPECT_EQ(base64("foob"), "Zm9vYg==");
  EXPECT_EQ(base64("fooba"), "Zm9vYmE=");
  EXPECT_EQ(base64("foobar"), "Zm9vYmFy");
  EXPECT_EQ(base64(std::string_view("\xff\xfe\x00\xfb", 4)), "//4A+w==");
}

TEST(Tenant, NamesAFile) {
  EXPECT_EQ(Tenant().id(), "local");
  for (const char* good : {"a", "acme-2", "0_x"}) EXPECT_EQ(Tenant::parse(good)->id(), good);
  EXPECT_TRUE(Tenant::parse(std::string(63, 'a')));
  for (const char* bad : {"", "-a", "_a", "A", "a/b", "..", "a.b", "é", "a b"}) {
    EXPECT_EQ(Tenant::parse(bad).error().kind, ErrorKind::invalid) << bad;
  }
  EXPECT_FALSE(Tenant::parse(std::string(64, 'a')));
}

}  // namespace
}  // namespace ragent
