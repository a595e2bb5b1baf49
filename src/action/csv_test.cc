#include <action/csv.h>

#include <gmock/gmock.h>

namespace ragent {
namespace {

using Type = CsvTable::Type;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string error_of(std::string_view text) {
  Result<CsvTable> table = parse_csv(text, "x.csv");
  return table ? "no error" : table.error().message;
}

TEST(Csv, ReadsQuotesLineEndsAndTheMark) {
  Result<CsvTable> table = parse_csv(
      "\xEF\xBB\xBFname,note\r\n\"a \"\"b\"\", c\",\"two\nlines\"\n\nč,\"\"\r\nlast,", "x.csv");
  ASSERT_TRUE(table) << table.error().message;
  ASSERT_EQ(table->rows(), 3U);
  EXPECT_EQ(table->columns[0].name, "name");
  EXPECT_THAT(table->row(0), ElementsAre("a \"b\", c", "two\nlines"));
  EXPECT_THAT(table->row(1), ElementsAre("č", ""));
  EXPECT_THAT(table->row(2), ElementsAre("last", ""));
}

TEST(Csv, SurvivesBeingMoved) {
  Result<CsvTable> table = parse_csv("a\nx\n", "x.csv");
  CsvTable moved = std::move(*table);
  EXPECT_THAT(moved.row(0), ElementsAre("x"));
}

TEST(Csv, RecognisesTypes) {
  Result<CsvTable> table = parse_csv(
      "i,r,code,big,none,mixed,neg,inf\n"
      "1,1.5,007,9223372036854775808,,1,-3,inf\n"
      ",2,12,1,,x,0,1\n",
      "x.csv");
  ASSERT_TRUE(table) << table.error().message;
  std::vector<Type> types;
  for (const CsvTable::Column& column : table->columns) types.push_back(column.type);
  EXPECT_THAT(types, ElementsAre(Type::integer, Type::number, Type::text, Type::number, Type::text,
                                 Type::text, Type::integer, Type::text));
}

TEST(Csv, SaysWhereItIsWrong) {
  EXPECT_EQ(error_of("a,b\n1,2\n3\n"), "x.csv:3: expected 2 cells as in the first row, got 1");
  EXPECT_THAT(error_of("a,b\n1,\"2\n"), HasSubstr("x.csv:2: expected the closing quote"));
  EXPECT_THAT(error_of("a\n\"1\"2\n"), HasSubstr("x.csv:2: expected a comma or the end"));
  EXPECT_THAT(error_of("a\nsay \"hi\"\n"), HasSubstr("x.csv:2: expected a cell with quotes"));
  EXPECT_THAT(error_of("a,A\n"), HasSubstr("\"A\" twice"));
  EXPECT_THAT(error_of("a,,c\n"), HasSubstr("a name for column 2"));
  EXPECT_THAT(error_of(""), HasSubstr("column names in the first row"));
  EXPECT_THAT(error_of("a\n\xff\n"), HasSubstr("save it as UTF-8"));
  EXPECT_THAT(error_of(std::string_view("a\n\0\n", 4)), HasSubstr("zero byte"));
}

}  // namespace
}  // namespace ragent
