#include <model/llama/dates.h>

#include <gmock/gmock.h>

namespace ragent {
namespace {

using namespace std::chrono;

std::string dates(std::string question) {
  std::string today = "\n(Today is Wednesday 2026-11-25.";
  std::string out = with_dates(question + today + ")");
  EXPECT_TRUE(out.starts_with(question + today) && out.ends_with(")")) << out;
  std::size_t begin = question.size() + today.size();
  return out.substr(begin, out.size() - begin - 1);
}

TEST(Dates, AreTheNextSuchDay) {
  EXPECT_EQ(dates("Fly on 5 January?"), " 5 January is 2027-01-05.");
  EXPECT_EQ(dates("On 25 November"), " 25 November is 2026-11-25.");  // that is today
  EXPECT_EQ(dates("On 24 November"), " 24 November is 2027-11-24.");
  EXPECT_EQ(dates("the 3rd of Dec."), " 3rd of Dec is 2026-12-03.");
  EXPECT_EQ(dates("March 7th, please"), " March 7th is 2027-03-07.");
  EXPECT_EQ(dates("on 2 May 2031"), " 2 May 2031 is 2031-05-02.");
  EXPECT_EQ(dates("from 1 June to 3 June"), " 1 June is 2027-06-01. 3 June is 2027-06-03.");
}

TEST(Dates, AreSaidByName) {
  EXPECT_EQ(dates("tomorrow"), " tomorrow is 2026-11-26.");
  EXPECT_EQ(dates("the day after tomorrow"), " day after tomorrow is 2026-11-27.");
  EXPECT_EQ(dates("next Friday"), " Friday is 2026-11-27.");
  EXPECT_EQ(dates("on Wednesday"), " Wednesday is 2026-12-02.");
}

TEST(Dates, AreNotSeenWhereNoneIs) {
  for (auto text : {"May I ask?", "We march on.", "30 February", "12 flights", "2026-12-01",
                    "0 June", "room 5, mayor"}) {
    EXPECT_EQ(dates(text), "") << text;
  }
  EXPECT_EQ(with_dates("On 5 January"), "On 5 January");
  EXPECT_EQ(with_dates("On 5 January (Today is nice.)"), "On 5 January (Today is nice.)");
  EXPECT_EQ(with_dates("5 May (Today is X 2026-99-01.)"), "5 May (Today is X 2026-99-01.)");
}

TEST(Dates, LeapDaysNeedTheirYear) {
  EXPECT_EQ(dates_in("29 February 2028", 2026y / 11 / 25).size(), 1U);
  EXPECT_TRUE(dates_in("29 February", 2026y / 11 / 25).empty());
}

}  // namespace
}  // namespace ragent
