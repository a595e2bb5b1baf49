#include <model/http/request_parts.h>

#include <gmock/gmock.h>

namespace ragent::wire {
namespace {

using testing::HasSubstr;

TEST(WireCalls, IdsAsEndpointsTakeThem) {
  EXPECT_EQ(call_id("call_Ab-9"), "call_Ab-9");
  EXPECT_EQ(call_id("0/1:15.3"), "0_1_15_3");
  EXPECT_EQ(call_id("é"), "__");
  EXPECT_EQ(call_id(std::string(40, 'a')), std::string(40, 'a'));
  const std::string a = call_id(std::string(60, 'a') + "1"),
                    b = call_id(std::string(60, 'a') + "2");
  EXPECT_EQ(a.size(), 40U);
  EXPECT_NE(a, b);
}

TEST(WireImages, CarryTheirBytesAndAreOfATypeThatIsSeen) {
  const ModelRequest request{.media = {{.artifact = "a1", .bytes = "foob"}}};
  Result<Image> image = image_of({.artifact = "a1", .mime = "image/PNG"}, request);
  ASSERT_TRUE(image) << image.error().message;
  EXPECT_EQ(image->mime, "image/png");
  EXPECT_EQ(image->base64, "Zm9vYg==");
  Result<Image> other = image_of({.artifact = "a1", .mime = "audio/wav"}, request);
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().kind, ErrorKind::invalid);
  EXPECT_THAT(other.error().message, HasSubstr("audio/wav"));
  Result<Image> missing = image_of({.artifact = "a2", .mime = "image/png"}, request);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().kind, ErrorKind::invalid);
  EXPECT_THAT(missing.error().message, HasSubstr("a2"));
}

TEST(WireHosts, OfUrls) {
  EXPECT_EQ(host_of("https://API.openai.com:443/v1"), "api.openai.com");
  EXPECT_EQ(host_of("http://localhost:8080"), "localhost");
  EXPECT_EQ(host_of("http://[::1]:8080/v1"), "[::1]");
  EXPECT_EQ(host_of("http://[::1"), "");
  EXPECT_EQ(host_of("https://api.openai.com@evil.example/v1"), "evil.example");
  EXPECT_EQ(host_of("https://evil.example/api.openai.com"), "evil.example");
  EXPECT_EQ(host_of(""), "");
}

TEST(WireModels, ThatReason) {
  for (const char* name :
       {"o1", "o3-mini", "o4-mini-2025", "gpt-5", "gpt-5.1", "openai/gpt-5-nano"}) {
    EXPECT_TRUE(openai_reasons(name)) << name;
  }
  for (const char* name :
       {"gpt-4o", "gpt-5-chat-latest", "o", "ollama", "o1x", "olmo-2", "", "o/"}) {
    EXPECT_FALSE(openai_reasons(name)) << name;
  }
}

TEST(WireTools, ParametersHaveProperties) {
  EXPECT_EQ(parameters_of({}).dump(), R"({"type":"object","properties":{}})");
  const Json schema = *parse_json(R"({"type":"object","properties":{"a":{"type":"integer"}}})");
  EXPECT_EQ(parameters_of({.parameters = schema}).dump(), schema.dump());
}

}  // namespace
}  // namespace ragent::wire
