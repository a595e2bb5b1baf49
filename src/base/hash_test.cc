#include <base/hash.h>

#include <base/ids.h>

#include <gtest/gtest.h>

#include <set>

namespace ragent {
namespace {

using namespace std::chrono_literals;

TEST(Hash, IsTheXxh3OfTheSpecification) {
  // From the reference implementation; the journal's digests depend on them.
  EXPECT_EQ(to_hex(hash128("")), "99aa06d3014798d86001c324468d497f");
  EXPECT_EQ(hash128(std::string(1000, 'a')), hash128(std::string(1000, 'a')));
}

TEST(Hash, MixTellsApartOrderKindAndContent) {
  const Digest start = hash128("start");
  const std::vector<Digest> digests = {
      start,
      mix(start, "a"),
      mix(start, "b"),
      mix(mix(start, "a"), "b"),
      mix(mix(start, "b"), "a"),
      mix(start, "ab"),
      mix(start, ""),
      mix(start, hash128("a")),
      mix(start, std::uint64_t{0}),
      mix(start, std::uint64_t{97}),
      mix(start, hash128("a").high),
      mix(Digest{}, "a"),
  };
  EXPECT_EQ(std::set<Digest>(digests.begin(), digests.end()).size(), digests.size());
  // Pinned: a changed value would make every old journal diverge.
  EXPECT_EQ(to_hex(mix(start, "a")), "64d7c072354bacfcb167da136e4b66b2");
  EXPECT_EQ(to_hex(mix(start, hash128("a"))), "1906b7002e27b9938428f8bfa9eac370");
  EXPECT_EQ(to_hex(mix(start, std::uint64_t{97})), "75668b7b803e3f88f037c4521b6014f1");
}

TEST(Hash, HexAndBack) {
  const Digest digest{.high = 0x0123456789abcdef, .low = 0xf};
  EXPECT_EQ(to_hex(digest), "0123456789abcdef000000000000000f");
  EXPECT_EQ(digest_from_hex(to_hex(digest)), digest);
  EXPECT_FALSE(digest_from_hex(""));
  EXPECT_FALSE(digest_from_hex("0123456789ABCDEF000000000000000f"));
  EXPECT_FALSE(digest_from_hex("0123456789abcdef000000000000000g"));
}

TEST(Hash, Sha256OfTheStandardsExamples) {  // FIPS 180-2, appendix B
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(Hash, Base32IsAPrefixOfTheWhole) {
  // Computed with another implementation (Python's base64).
  EXPECT_EQ(sha256_base32("abc", 26), "xj4bnp4pahh6uqkbidpf3lrceo");
  EXPECT_EQ(sha256_base32("abc", 51).substr(0, 26), sha256_base32("abc", 26));
  EXPECT_EQ(sha256_base32("abc", 51).size(), 51u);
}

TEST(Ids, SortByTimeAndDoNotCollide) {
  SeededRandom random(42);
  const WallPoint now = WallPoint(1'700'000'000'000ms);
  std::set<std::string> uids;
  for (int i = 0; i < 1000; ++i) {
    const std::string uid = new_uid(now, random);
    ASSERT_EQ(uid.size(), 26u);
    ASSERT_EQ(uid.find_first_not_of("0123456789abcdefghjkmnpqrstvwxyz"), std::string::npos);
    uids.insert(uid);
  }
  EXPECT_EQ(uids.size(), 1000u);
  for (const auto step : {1ms, 31ms, 32ms, 1024ms, 86'400'000ms}) {
    EXPECT_LT(new_uid(now, random), new_uid(now + step, random)) << step.count();
  }
  EXPECT_EQ(new_uid(WallPoint(0ms), random).substr(0, 9), "000000000");
  EXPECT_EQ(new_uid(now, random).substr(0, 10), "01hf7yat00");
}

TEST(Random, ASeedRepeatsAndTheKernelDoesNot) {
  const std::unique_ptr<Random> a = make_seeded_random(1);
  const std::unique_ptr<Random> b = make_seeded_random(1);
  const std::unique_ptr<Random> c = make_seeded_random(2);
  for (int i = 0; i < 10; ++i) {
    const std::uint64_t drawn = a->next();
    EXPECT_EQ(drawn, b->next());
    EXPECT_NE(drawn, c->next());
  }
  EXPECT_EQ(make_seeded_random(0)->next(), 0xe220a8397b1dcdafu);  // Vigna's splitmix64.c
  EXPECT_NE(make_system_random()->next(), make_system_random()->next());
}

TEST(Random, BelowIsEven) {
  SeededRandom random(7);
  int counts[10] = {};
  for (int i = 0; i < 100'000; ++i) ++counts[random.below(10)];
  for (const int count : counts) EXPECT_NEAR(count, 10'000, 500);  // five standard deviations
  for (int i = 0; i < 100; ++i) EXPECT_EQ(random.below(1), 0u);
}

TEST(Hash, Sha256ComesInPieces) {
  Sha256 hash;
  EXPECT_EQ(hash.hex(), sha256_hex(""));
  hash.add("a");
  EXPECT_EQ(hash.hex(), sha256_hex("a"));
  hash.add("");
  hash.add("bc");
  EXPECT_EQ(hash.hex(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

}  // namespace
}  // namespace ragent
