#include <model/weights_url.h>

#include <gmock/gmock.h>

namespace ragent {
namespace {

using testing::HasSubstr;

const std::string kHex(64, 'a');

std::string message(std::string_view name) {
  Result<std::optional<WeightsUrl>> weights = weights_url(name);
  return weights ? *weights ? "fine" : "another's" : weights.error().message;
}

TEST(WeightsUrlTest, Urls) {
  auto web = weights_url("https://host/a/x.gguf?download=true#sha256=" + std::string(64, 'A'));
  ASSERT_TRUE(web && *web);
  EXPECT_EQ((*web)->url, "https://host/a/x.gguf?download=true");
  EXPECT_EQ((*web)->sha256, kHex);
  EXPECT_EQ(weights_file("/m", **web), "/m/sha256-" + kHex + ".gguf");

  auto hub = weights_url("hf:Qwen/Qwen2.5-0.5B/sub/q4_k.gguf#sha256=" + kHex);
  ASSERT_TRUE(hub && *hub);
  EXPECT_EQ((*hub)->url, "https://huggingface.co/Qwen/Qwen2.5-0.5B/resolve/main/sub/q4_k.gguf");

  EXPECT_EQ(message("http://127.0.0.1:80/x.gguf#sha256=" + kHex), "fine");
  EXPECT_EQ(message("http://localhost/x.GGUF#sha256=" + kHex), "fine");
  EXPECT_EQ(message("http://[::1]:80/x.gguf#sha256=" + kHex), "fine");
}

TEST(WeightsUrlTest, OtherNamesAreLeftToOthers) {
  for (const char* name : {"local/default", "openai/gpt-4o", "/models/x.gguf", "x.gguf", "",
                           "http://localhost:8080/v1#qwen", "https://host/v1#model.gguf"}) {
    EXPECT_EQ(message(name), "another's") << name;
  }
}

TEST(WeightsUrlTest, WhatIsMissingIsSaid) {
  EXPECT_THAT(message("https://host/x.gguf"), HasSubstr("names no hash"));
  EXPECT_THAT(message("https://host/x.gguf#md5=1"), HasSubstr("names no hash"));
  EXPECT_THAT(message("https://host/x.gguf#sha256=abc"), HasSubstr("a hash of 3 characters"));
  EXPECT_THAT(message("https://host/x.gguf#sha256=" + std::string(64, 'g')),
              HasSubstr("not all hexadecimal"));
  EXPECT_THAT(message("https://host/x.bin#sha256=" + kHex), HasSubstr("end in .gguf"));
  EXPECT_THAT(message("hf:x.gguf#sha256=" + kHex), HasSubstr("lacks OWNER, REPO or FILE"));
  EXPECT_THAT(message("hf:a/../x.gguf#sha256=" + kHex), HasSubstr("no"));
  EXPECT_THAT(message("hf:a/b/c d.gguf#sha256=" + kHex), HasSubstr("file of a hub"));
  EXPECT_THAT(message("https://host/';rm${IFS}x;'.gguf#sha256=" + kHex), HasSubstr("a quote"));
  EXPECT_THAT(message("http://host/x.gguf#sha256=" + kHex), HasSubstr("over http"));
  EXPECT_THAT(message("http://127.evil.org/x.gguf#sha256=" + kHex), HasSubstr("over http"));
  EXPECT_THAT(message("https://me:secret@host/x.gguf#sha256=" + kHex),
              testing::AllOf(HasSubstr("a user or password"), testing::Not(HasSubstr("secret"))));
}

TEST(WeightsUrlTest, OnlyTheHostSaysThatItIsThisMachine) {
  for (const char* url : {"http://localhost", "http://127.0.0.1:80/x", "http://[::1]:80/x",
                          "http://me@localhost/x"}) {
    EXPECT_TRUE(is_loopback(url)) << url;
  }
  for (const char* url :
       {"http://localhost:80@evil.org/x", "http://127.0.0.1@evil.org/x", "http://[::1]@evil.org/x",
        "http://[::1].evil.org/x", "http://evil.org"}) {
    EXPECT_FALSE(is_loopback(url)) << url;
  }
}

TEST(WeightsUrlTest, WhatIsNotHereNamesTheCommand) {
  auto weights = weights_url("hf:a/b/c.gguf#sha256=" + kHex);
  Result<std::string> file = present_weights("/nowhere", **weights);
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().kind, ErrorKind::not_found);
  EXPECT_THAT(file.error().message,
              HasSubstr("`ragent models fetch 'hf:a/b/c.gguf#sha256=" + kHex + "'`"));
}

}  // namespace
}  // namespace ragent
