#include <net/http.h>

#include <gtest/gtest.h>

namespace ragent {
namespace {

TEST(HttpUrls, OfTheHostAndThePortAlone) {
  EXPECT_EQ(host_and_port("https://me:secret@api.openai.com:443/v1?a=b@c"), "api.openai.com:443");
  EXPECT_EQ(host_and_port("http://[::1]:8080"), "[::1]:8080");
  EXPECT_EQ(host_and_port("https://host?key=1"), "host");
  EXPECT_EQ(host_and_port("localhost#x"), "localhost");
  EXPECT_EQ(host_and_port(""), "");
}

}  // namespace
}  // namespace ragent
