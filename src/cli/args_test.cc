#include <cli/args.h>

#include <gmock/gmock.h>

namespace ragent::cli {
namespace {

using testing::HasSubstr;

std::string error_of(const std::vector<std::string>& words) {
  Result<Args> args = parse_args(words);
  return args ? "" : args.error().message;
}

TEST(ArgsTest, Run) {
  Result<Args> args = parse_args({"run", "travel", "Book it", "--yes", "--model", "small",
                                  "--session", "s1", "--budget-steps", "3", "--home", "/x"});
  ASSERT_TRUE(args) << args.error().message;
  EXPECT_EQ(args->command, "run");
  EXPECT_EQ(args->agent, "travel");
  EXPECT_EQ(args->task, "Book it");
  EXPECT_EQ(args->model, "small");
  EXPECT_EQ(args->session, "s1");
  EXPECT_EQ(args->budget_steps, 3);
  EXPECT_EQ(args->home, "/x");
  EXPECT_TRUE(args->yes);
  EXPECT_FALSE(args->json);
}

TEST(ArgsTest, ATaskMayBeginWithADashAfterTwo) {
  Result<Args> args = parse_args({"run", "travel", "--", "-5 plus 3?"});
  ASSERT_TRUE(args) << args.error().message;
  EXPECT_EQ(args->task, "-5 plus 3?");
}

TEST(ArgsTest, NearMisses) {
  EXPECT_THAT(error_of({"rnu", "x"}), HasSubstr("did you mean `run`?"));
  EXPECT_THAT(error_of({"frobnicate"}), HasSubstr("`ragent help` lists them"));
  std::string option = error_of({"run", "travel", "task", "--modle", "x"});
  EXPECT_THAT(option, HasSubstr("does not know `--modle`; did you mean `--model`?"));
  EXPECT_THAT(option, HasSubstr("`ragent run --help`"));
}

TEST(ArgsTest, WhatIsMissingIsNamed) {
  EXPECT_THAT(error_of({"run"}), HasSubstr("AGENT"));
  EXPECT_THAT(error_of({"run", "travel"}), HasSubstr("TASK"));
  EXPECT_THAT(error_of({"check", "travel", "extra"}), HasSubstr("does not know `extra`"));
  EXPECT_THAT(error_of({"run", "travel", "what", "does", "it", "cost"}),
              HasSubstr("more words than AGENT and TASK, the first is `does`; put the task in "
                        "quotes"));
  EXPECT_THAT(error_of({"run", "travel", "what", "does", "--modle"}), HasSubstr("`--model`?"));
}

TEST(ArgsTest, ImagesEachTakeOneFile) {
  Result<Args> args =
      parse_args({"run", "travel", "--image", "a.png", "what is it", "--image", "b.png"});
  ASSERT_TRUE(args) << args.error().message;
  EXPECT_EQ(args->images, (std::vector<std::string>{"a.png", "b.png"}));
  EXPECT_EQ(args->task, "what is it");
}

TEST(ArgsTest, Models) {
  EXPECT_EQ(parse_args({"models"})->what, "");
  EXPECT_EQ(parse_args({"models", "openai"})->what, "openai");
  EXPECT_EQ(parse_args({"models", "fetch", "hf:a/b/c.gguf"})->name, "hf:a/b/c.gguf");
  EXPECT_THAT(error_of({"completion", "tcsh"}), HasSubstr("expected bash, zsh or fish"));
  EXPECT_THAT(options_of("run"), testing::Contains("--image"));
  EXPECT_THAT(options_of("resolve"), testing::Contains("--did-not-happen"));
}

TEST(ArgsTest, WhatIsWrongIsSaidWithWhatWasExpected) {
  auto run = [](std::vector<std::string> more) {
    std::vector<std::string> words = {"run", "travel", "t"};
    words.insert(words.end(), more.begin(), more.end());
    return error_of(words);
  };
  for (std::string steps : {"-1", "0", "x", "1.5", "99999999999999999999"}) {
    EXPECT_THAT(run({"--budget-steps", steps}),
                HasSubstr("--budget-steps: expected a whole number from 1 to 1000000000, got `" +
                          steps + "`\n"));
  }
  EXPECT_THAT(error_of({"run", "travel", ""}), HasSubstr("TASK: expected what the agent shall do"));
  EXPECT_THAT(error_of({"run", "travel", " \n"}), HasSubstr("got nothing"));
  EXPECT_THAT(error_of({"run", "travel", "a\xff\x1b"}),
              HasSubstr("TASK: expected text in UTF-8, got `a\\xff\\x1b`"));
  EXPECT_THAT(error_of({"resume", ""}), HasSubstr("RUN: expected a name, got nothing"));
  EXPECT_THAT(run({"--home", ""}), HasSubstr("--home: expected a name, got nothing"));
  EXPECT_THAT(error_of({"cancel", "01", "--reason", "\xff"}), HasSubstr("expected text in UTF-8"));
}

TEST(ArgsTest, SessionsHaveNamesThatCanStandAnywhere) {
  for (std::string good :
       {"a", "9", "chat-2026.11.25", "user:ada@example.org", "01m88tff3g43pey9", "A_b"}) {
    EXPECT_TRUE(parse_args({"run", "travel", "t", "--session", good})) << good;
  }
  for (std::string bad : {"", " ", "a b", "../x", ".a", "a/b", "a\n", "\xff", "é"}) {
    EXPECT_THAT(error_of({"run", "travel", "t", "--session", bad}),
                HasSubstr("--session: expected a name of A-Z a-z 0-9 . _ - : @"))
        << bad;
  }
  EXPECT_FALSE(parse_args({"run", "travel", "t", "--session", std::string(65, 'a')}));
}

TEST(ArgsTest, AForkNamesItsStep) {
  Result<Args> args = parse_args({"fork", "01", "--at", "0:3.0", "--edit", "-", "--model", "m"});
  ASSERT_TRUE(args) << args.error().message;
  EXPECT_EQ(args->run, "01");
  EXPECT_EQ(args->step, "0:3.0");
  EXPECT_EQ(args->edit, "-");
  EXPECT_EQ(args->model, "m");
  EXPECT_THAT(error_of({"fork", "01"}), HasSubstr("--at"));
}

TEST(ArgsTest, ResolveTakesOneVerdict) {
  Result<Args> args = parse_args({"resolve", "01", "0:3.0", "--happened", R"({"id":1})"});
  ASSERT_TRUE(args) << args.error().message;
  EXPECT_TRUE(args->happened);
  EXPECT_EQ(args->result, R"({"id":1})");
  EXPECT_FALSE(error_of({"resolve", "01", "0:3.0"}).empty());
  EXPECT_FALSE(error_of({"resolve", "01", "0:3.0", "--abandon", "--did-not-happen"}).empty());
}

TEST(ArgsTest, AsksNeedOneAnswer) {
  EXPECT_TRUE(parse_args({"asks"}));
  EXPECT_TRUE(parse_args({"asks", "01/0:3.0", "--deny"}));
  EXPECT_FALSE(error_of({"asks", "01/0:3.0", "--deny", "--allow"}).empty());
  EXPECT_FALSE(error_of({"asks", "--allow"}).empty());
}

TEST(ArgsTest, HelpIsThereForEveryCommandAlsoOnABrokenLine) {
  for (const std::string& name : command_names()) {
    Result<Args> args = parse_args({name, "--frob", "--help"});
    ASSERT_TRUE(args);
    EXPECT_EQ(args->command, "help");
    EXPECT_EQ(args->topic, name);
    std::string help = help_text(name, false);
    EXPECT_THAT(help, HasSubstr("ragent " + name));
    for (const std::string& option : options_of(name)) {
      if (option == "--help" || option == "--home") continue;  // some have no use for a home
      std::string brief = option == "--yes" ? "-y," : option == "--quiet" ? "-q," : option;
      EXPECT_THAT(help, HasSubstr(brief)) << name;
    }
    EXPECT_THAT(help_text("", false), HasSubstr("\n  " + name + " "));
  }
  EXPECT_EQ(parse_args({})->command, "help");
}

}  // namespace
}  // namespace ragent::cli
