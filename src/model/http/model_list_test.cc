#include <model/http/model_list.h>

#include <base/scope.h>

#include <gmock/gmock.h>

#include <map>

namespace ragent {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Environment environment(std::map<std::string, std::string> variables) {
  return [variables = std::move(variables)](const char* name) -> const char* {
    auto found = variables.find(name);
    return found == variables.end() ? nullptr : found->second.c_str();
  };
}

std::vector<std::string> prefixes(std::map<std::string, std::string> variables,
                                  std::string_view model) {
  std::vector<std::string> out;
  for (const AccountHere& here : accounts_here(environment(std::move(variables)), model)) {
    out.push_back(here.prefix + (here.account ? "" : " !"));
  }
  return out;
}

TEST(ModelListTest, AccountsWhoseKeysAreSetAndOfTheModel) {
  EXPECT_THAT(prefixes({}, ""), ElementsAre());
  EXPECT_THAT(prefixes({}, "local/default,scripted:x"), ElementsAre());
  EXPECT_THAT(prefixes({{"OPENAI_API_KEY", "k"}, {"ANTHROPIC_API_KEY", "k"}}, "openai/gpt-4o"),
              ElementsAre("openai/", "anthropic/"));
  EXPECT_THAT(prefixes({}, "openai/gpt-4o, http://localhost:1/v1#a,http://localhost:1/v1#b"),
              ElementsAre("openai/ !", "http://localhost:1/v1#"));
  EXPECT_THAT(prefixes({{"OPENAI_BASE_URL", "nonsense"}}, ""), ElementsAre("openai/ !"));
}

TEST(ModelListTest, AnEndpointIsNamedWithOrWithoutAModel) {
  Environment set = environment({{"OPENAI_API_KEY", "k"}});
  for (const char* name : {"openai", "openai/", "openai/gpt-4o"}) {
    AccountHere here = account_named(name, set);
    ASSERT_TRUE(here.account) << name;
    EXPECT_EQ(here.prefix, "openai/");
  }
  for (const char* name : {"http://h/v1", "http://h/v1#qwen"}) {
    AccountHere here = account_named(name, set);
    ASSERT_TRUE(here.account) << name;
    EXPECT_EQ(here.prefix, "http://h/v1#");
    EXPECT_EQ(here.account->base_url, "http://h/v1");
  }
  EXPECT_THAT(account_named("opnai", set).account.error().message, HasSubstr("is no endpoint"));
  EXPECT_THAT(account_named("anthropic", set).account.error().message,
              HasSubstr("set ANTHROPIC_API_KEY"));
}

// Answers what it was given, and keeps what was asked.
class FakeClient : public HttpClient {
 public:
  Task<HttpResponse> send(HttpCall call) override {
    asked = std::move(call);
    co_return response;
  }
  HttpResponse response = {};
  HttpCall asked = {};
};

TEST(ModelListTest, ListsWithinItsTime) {
  std::unique_ptr<Loop> loop = make_loop(Logger(LogLevel::off));
  FakeClient client;
  auto ask = [&](HttpResponse response) {
    client.response = std::move(response);
    AccountHere here = account_named("openai", environment({{"OPENAI_API_KEY", "sk-1"}}));
    return block_on(*loop, list_models(client, *here.account));
  };
  Headers json = {{"content-type", "application/json"}};
  auto names = ask({.headers = json, .body = R"({"data":[{"id":"b"},{"id":"a"}]})"});
  ASSERT_TRUE(names) << names.error().message;
  EXPECT_THAT(*names, ElementsAre("a", "b"));
  EXPECT_EQ(client.asked.request.url, "https://api.openai.com/v1/models");
  EXPECT_EQ(*client.asked.request.headers.find("authorization"), "Bearer sk-1");
  EXPECT_EQ(client.asked.time_max, limits::kListTimeMax);

  EXPECT_THAT(*ask({.headers = json, .body = R"({"data":[]})"}), ElementsAre());
  EXPECT_EQ(ask({.status = 401, .headers = json, .body = "{}"}).error().kind, ErrorKind::rejected);
  auto page = ask({.headers = {{"content-type", "text/html"}}, .body = "<html>"});
  ASSERT_FALSE(page);
  EXPECT_EQ(page.error().kind, ErrorKind::unavailable);
  EXPECT_THAT(page.error().message, HasSubstr("a list of models"));
}

TEST(ModelListTest, WhatIsNoListIsAnError) {
  std::unique_ptr<Loop> loop = make_loop(Logger(LogLevel::off));
  FakeClient client;
  auto ask = [&](std::string body) {
    client.response = {.headers = {{"content-type", "application/json"}}, .body = std::move(body)};
    AccountHere here = account_named("http://h/v1", environment({}));
    return block_on(*loop, list_models(client, *here.account));
  };
  EXPECT_THAT(*ask(R"({"object":"list","data":null})"), ElementsAre());  // Ollama without models
  EXPECT_THAT(*ask(R"([{"id":"b"},{"id":"a"}])"), ElementsAre("a", "b"));  // Together
  for (const char* body : {"null", "", "{}", R"({"data":"x"})", R"({"detail":"Not Found"})"}) {
    auto none = ask(body);
    ASSERT_FALSE(none) << body;
    EXPECT_THAT(none.error().message, HasSubstr("expected h to answer a list of models")) << body;
  }
  EXPECT_THAT(ask("").error().message, HasSubstr("got nothing"));
  for (const char* body : {R"({"error":"no credit"})", R"({"error":{"message":"no credit"}})"}) {
    auto error = ask(body);
    ASSERT_FALSE(error) << body;
    EXPECT_THAT(error.error().message, HasSubstr("no credit")) << body;
  }
}

TEST(ModelListTest, AWrongNameHasItsNearMissOrWhatIsThere) {
  EXPECT_EQ(near_miss("gpt-4p", {"gpt-4o", "o1"}), "; did you mean gpt-4o?");
  EXPECT_EQ(near_miss("o1", {"gpt-4o", "o1"}), "");  // it is there
  EXPECT_EQ(near_miss("x", {}), "");
  EXPECT_EQ(near_miss("claude", {"a", "b"}), "; it has a, b");
  EXPECT_EQ(near_miss("claude", {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"}),
            "; it has 0, 1, 2, 3, 4, 5, 6, 7 and 2 more");
}

}  // namespace
}  // namespace ragent
