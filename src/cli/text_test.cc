#include <cli/text.h>

#include <gmock/gmock.h>

namespace ragent::cli {
namespace {

const Look kPlain{.width = 80};

TEST(TextTest, OneLineIsVisibleAndHasSingleSpaces) {
  EXPECT_EQ(one_line("  a\n\n b\t"), "a b");
  EXPECT_EQ(one_line("a\x1b[2J\n\u202eb"), "a\\x1b[2J \\u202eb");
}

TEST(TextTest, FactsAndWordsStayWithinTheWidth) {
  Look look{.width = 20};
  EXPECT_EQ(dotted(look, {"answered", "", "3 thinks", "a fact that is too long", "x"}),
            "answered · 3 thinks\na fact that is too long\nx");
  EXPECT_EQ(dotted({.unicode = false}, {"a\x1b", "b"}), "a\\x1b - b");
  EXPECT_EQ(wrapped(look, "    ", "Book a flight to\nPorto\x07?"),
            "    Book a flight to\n    Porto\\x07?\n");
  EXPECT_EQ(wrapped(look, "  ", ""), "");
}

TEST(TextTest, WidthsCountColumns) {
  EXPECT_EQ(width_of("Café"), 4u);
  EXPECT_EQ(width_of("东京"), 4u);
  EXPECT_EQ(width_of("e\u0301"), 1u);
  EXPECT_EQ(width_of("\x1b[1mbold\x1b[0m"), 4u);
  EXPECT_EQ(fit(kPlain, "Prague to Porto", 9), "Prague t…");
  EXPECT_EQ(fit(kPlain, "Prague to Porto", 8), "Prague…");  // no space before the dots
  EXPECT_EQ(fit(kPlain, "东京东京", 5), "东京…");
  EXPECT_EQ(fit({.unicode = false}, "Prague", 5), "Pr...");
  EXPECT_EQ(fit(kPlain, "Prague", 6), "Prague");
  EXPECT_EQ(pad("东", 4) + "|", "东  |");
}

TEST(TextTest, Numbers) {
  EXPECT_EQ(duration(12), "12 ms");
  EXPECT_EQ(duration(2149), "2.1 s");
  EXPECT_EQ(duration(59'960), "1 min");
  EXPECT_EQ(duration(185'000), "3 min 05 s");
  EXPECT_EQ(duration(3'660'000), "1 h 01 min");
  EXPECT_EQ(duration(-5), "0 ms");
  EXPECT_EQ(count(1204), "1,204");
  EXPECT_EQ(count(-1234567), "-1,234,567");
  EXPECT_EQ(count(999), "999");
  EXPECT_EQ(bytes(999), "999 B");
  EXPECT_EQ(bytes(1'120'000'000), "1.1 GB");
  EXPECT_EQ(age(59'000), "just now");
  EXPECT_EQ(age(3'600'000), "1 h ago");
  EXPECT_EQ(plural(1, "step"), "1 step");
}

TEST(TextTest, DollarsHaveTwoDigitsThatSaySomething) {
  EXPECT_EQ(dollars(12'300'000'000), "$12.30");
  EXPECT_EQ(dollars(500'000'000), "$0.50");
  EXPECT_EQ(dollars(41'900'000), "$0.042");
  EXPECT_EQ(dollars(100'000'000), "$0.10");
  EXPECT_EQ(dollars(7'000), "$0.0000070");
  EXPECT_EQ(dollars(1), "$0.000000001");
  EXPECT_EQ(dollars(0), "$0.00");
}

TEST(TextTest, TablesAlignAndShrink) {
  EXPECT_EQ(table(kPlain, "  ", {"id", "price"}, {{"F1", "64"}, {"F1032", "7.5"}}),
            "  id     price\n"
            "  F1        64\n"
            "  F1032    7.5\n");
  std::string narrow =
      table({.width = 24}, "", {"id", "text"}, {{"F1", "a long description of a flight"}});
  EXPECT_EQ(narrow, "id  text\nF1  a long description…\n");
}

TEST(TextTest, AnErrorIsALineAndALineForEachCause) {
  auto cause = std::make_shared<Error>(Error{.message = "the disk\x1b[2J is full"});
  EXPECT_EQ(error_text(kPlain, {.message = "no store", .cause = cause}),
            "error: no store\n  because the disk\\x1b[2J is full\n");
}

TEST(TextTest, ColoursOnlyWhereWanted) {
  EXPECT_EQ(bold(kPlain, "a"), "a");
  EXPECT_EQ(bold({.color = true}, "a"), "\x1b[1ma\x1b[0m");
  EXPECT_EQ(bold({.color = true}, ""), "");
}

}  // namespace
}  // namespace ragent::cli
