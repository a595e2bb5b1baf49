#include <store/filed.h>

#include <store/test_home.h>

#include <random>

#include <gmock/gmock.h>

namespace ragent {
namespace {

using testing::HasSubstr;

std::vector<Record> some_records() {
  std::vector<Record> records;
  for (std::uint32_t i = 0; i <= static_cast<std::uint32_t>(RecordKind::final); ++i) {
    Record one = record(0, i + 1, std::string(i * 37, 'x'), static_cast<RecordKind>(i));
    one.lsn = 1000 + i * i;
    one.phase = i % 3 == 0 ? Phase::intent : Phase::outcome;
    one.at = i % 2 == 0 ? -static_cast<std::int64_t>(i) : 1'764'000'000'000;
    one.step = i % 4 == 0 ? kNoStep : i;
    one.path = i % 5 == 0 ? "" : "0.4.1";
    records.push_back(one);
  }
  records.back().lsn = ~std::uint64_t{0};
  records.back().call = 0xffffffff;
  return records;
}

TEST(FiledRecords, ComeBackAsTheyWere) {
  const std::vector<Record> records = some_records();
  EXPECT_EQ(decode_records(encode_records(records)), records);
  EXPECT_EQ(decode_records(encode_records({})), std::vector<Record>());
}

TEST(FiledRecords, CostLittleMoreThanTheirBodies) {
  const std::vector<Record> records(100, record(0, 7, std::string(1000, 'x')));
  EXPECT_LT(encode_records(records).size(), 100u * (1000 + 32));
}

TEST(FiledRecords, DamageIsAnErrorWhereverItIs) {
  const std::string bytes = encode_records(some_records());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(decode_records(std::string_view(bytes).substr(0, size))) << size;
  }
  EXPECT_FALSE(decode_records(bytes + "x"));
  std::string newer = bytes;
  newer[0] = 2;
  EXPECT_THAT(decode_records(newer).error().message, HasSubstr("version 2"));
}

TEST(FiledRecords, AnyBytesAreReadWithoutHarm) {
  std::mt19937 random(7);
  const std::string bytes = encode_records(some_records());
  std::size_t refused = 0;
  for (int i = 0; i < 3000; ++i) {
    std::string damaged = bytes;
    for (int flips = 0; flips < 4; ++flips) {
      damaged[1 + random() % (bytes.size() - 1)] = static_cast<char>(random());
    }
    if (!decode_records(damaged)) ++refused;
  }
  EXPECT_GT(refused, 0u);  // in a body a flip is not seen; the file's own pages are SQLite's
}

}  // namespace
}  // namespace ragent
