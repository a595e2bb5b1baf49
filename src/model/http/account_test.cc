#include <model/http/account.h>

#include <gmock/gmock.h>

#include <map>

namespace ragent {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

Result<std::optional<Account>> account(std::string_view name,
                                       std::map<std::string, std::string> variables = {}) {
  return account_of(name, [&](const char* variable) -> const char* {
    auto found = variables.find(variable);
    return found == variables.end() ? nullptr : found->second.c_str();
  });
}

TEST(AccountTest, NamesOfFamilies) {
  auto openai = account("openai/gpt-4o", {{"OPENAI_API_KEY", " sk-1\n"}});
  ASSERT_TRUE(openai && *openai);
  EXPECT_EQ((*openai)->dialect->name(), "chat");
  EXPECT_EQ((*openai)->base_url, "https://api.openai.com/v1");
  EXPECT_EQ((*openai)->key, "sk-1");
  EXPECT_EQ((*openai)->model, "gpt-4o");

  auto elsewhere = account("openai-responses/org/model:free",
                           {{"OPENAI_BASE_URL", "http://localhost:1234/v1/"}});
  ASSERT_TRUE(elsewhere && *elsewhere);
  EXPECT_EQ((*elsewhere)->dialect->name(), "responses");
  EXPECT_EQ((*elsewhere)->base_url, "http://localhost:1234/v1");
  EXPECT_EQ((*elsewhere)->model, "org/model:free");
  EXPECT_EQ((*elsewhere)->key, "");

  for (const char* base : {"https://proxy.example", "https://proxy.example/v1/"}) {
    auto claude = account("anthropic/claude-sonnet-4-5",
                          {{"ANTHROPIC_API_KEY", "k"}, {"ANTHROPIC_BASE_URL", base}});
    ASSERT_TRUE(claude && *claude);
    EXPECT_EQ((*claude)->dialect->name(), "anthropic");
    EXPECT_EQ((*claude)->base_url, "https://proxy.example/v1");
  }
}

TEST(AccountTest, Urls) {
  auto local = account("http://127.0.0.1:8080/v1#qwen", {{"OPENAI_API_KEY", "not sent there"}});
  ASSERT_TRUE(local && *local);
  EXPECT_EQ((*local)->dialect->name(), "chat");
  EXPECT_EQ((*local)->base_url, "http://127.0.0.1:8080/v1");
  EXPECT_EQ((*local)->model, "qwen");
  EXPECT_EQ((*local)->key, "");
  auto other = account("anthropic+https://h/v1#m", {{"RAGENT_API_KEY", "k"}});
  ASSERT_TRUE(other && *other);
  EXPECT_EQ((*other)->dialect->name(), "anthropic");
  EXPECT_EQ((*other)->key, "k");
}

TEST(AccountTest, OtherNamesAreLeftToOthers) {
  for (const char* name : {"local/default", "scripted:x.jsonl", "/models/x.gguf", "gpt-4o", ""}) {
    auto none = account(name);
    ASSERT_TRUE(none) << name;
    EXPECT_FALSE(*none) << name;
  }
}

TEST(AccountTest, WhatIsMissingIsSaid) {
  auto message = [](auto result) { return result ? std::string("fine") : result.error().message; };
  EXPECT_THAT(message(account("openai/gpt-4o")), HasSubstr("needs a key: set OPENAI_API_KEY"));
  EXPECT_THAT(message(account("anthropic/claude")), HasSubstr("set ANTHROPIC_API_KEY"));
  EXPECT_THAT(message(account("openai/", {{"OPENAI_API_KEY", "k"}})),
              HasSubstr("lacks its name: expected PREFIX/NAME or URL#NAME"));
  EXPECT_THAT(message(account("http://localhost:8080/v1")), HasSubstr("lacks its name"));
  EXPECT_THAT(message(account("http://localhost:8080/v1#")), HasSubstr("lacks its name"));
  EXPECT_THAT(message(account("responses+http://localhost:8080/v1")),
              HasSubstr("`ragent models responses+http://localhost:8080/v1` lists them"));
  EXPECT_THAT(message(account("openai/x", {{"OPENAI_BASE_URL", "localhost:8080"}})),
              HasSubstr("OPENAI_BASE_URL is `localhost:8080`, expected a URL"));
}

TEST(AccountTest, AUrlThatCannotBeAskedIsNone) {
  auto message = [](auto result) { return result ? std::string("fine") : result.error().message; };
  for (const char* name : {"http://#x", "https:///v1#x", "http://:8080/v1#x"}) {
    EXPECT_THAT(message(account(name)), HasSubstr("no host in it")) << name;
  }
  EXPECT_THAT(message(account("http://h/v1?api-version=1#x")), HasSubstr("a query in it"));
  EXPECT_EQ(message(account("http://h/v1#x?y@z")), "fine");
}

TEST(AccountTest, AKeyThatNoHeaderCarriesIsNamedByItsVariable) {
  for (const char* key : {"secret\nX: y", "sec\x01ret", "sec\x7fret"}) {
    auto family = account("openai/x", {{"OPENAI_API_KEY", key}});
    auto url = account("http://h/v1#x", {{"RAGENT_API_KEY", key}});
    ASSERT_FALSE(family || url);
    EXPECT_THAT(family.error().message, AllOf(HasSubstr("OPENAI_API_KEY"), Not(HasSubstr("sec"))));
    EXPECT_THAT(url.error().message, AllOf(HasSubstr("RAGENT_API_KEY"), Not(HasSubstr("sec"))));
  }
  EXPECT_EQ((*account("http://h/v1#x", {{"RAGENT_API_KEY", " k\r\n"}}))->key, "k");
}

TEST(AccountTest, APasswordInAUrlIsRefusedAndNotSaid) {
  auto refused = account("anthropic+https://me:secret@h/v1#m");
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("set RAGENT_API_KEY"));
  EXPECT_THAT(refused.error().message, Not(HasSubstr("secret")));
}

}  // namespace
}  // namespace ragent
