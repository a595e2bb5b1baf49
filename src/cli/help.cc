// The help texts: written by hand, so that they read like help.
#include <cli/args.h>
#include <cli/text.h>

#include <algorithm>
#include <fmt/core.h>

namespace ragent::cli {
namespace {

struct Help {
  std::string_view command;
  std::string_view usage;
  std::string_view text;
};

constexpr std::string_view kOverview = R"(Agents that survive crashes.

  ragent run agents/travel "Find a flight from Prague to Porto on Friday"

Begin
  new NAME              make an agent: a folder to edit
  check AGENT           load an agent and say what it can do
  run AGENT TASK        carry out a task
  chat [AGENT]          talk with an agent
  fork RUN              go on from a step of a run, in a new one
  models                which models there are, here and at endpoints; fetch one
  doctor                look for what is missing on this machine
  completion SHELL      complete words in bash, zsh or fish
  help COMMAND          more about one of these

Look
  runs                  what ran here, newest first
  trace RUN             how a run went, step by step

Decide
  asks                  questions that wait for you, and their answers
  resume [RUN]          carry on what was interrupted
  resolve RUN STEP      say what became of a call nobody is sure about
  cancel RUN            stop a run at its next step

AGENT is a folder, an agent.toml, or a name in ./agents. RUN is the beginning of a run's id.
`ragent --version` names this version.
)";

constexpr Help kHelps[] = {
    {"new", "ragent new NAME", R"(
Makes agents/NAME: an agent.toml with a first tool and its data, ready to run and to edit.
A NAME with a slash is taken as the folder itself. Nothing that exists is touched.
)"},
    {"check", "ragent check AGENT [--json]", R"(
Loads the agent and says what it can do, or what is wrong: file, line and what was expected.
Nothing is run.
)"},
    {"run", "ragent run AGENT TASK [options]", R"(
Carries out a task and prints the answer as it comes; the calls it made stand above it.
Every step is kept in the home: after a crash, `ragent resume` goes on where it was.
Where TASK is - it is read from standard input.

  --session S           go on with the conversation S
  --model M             local/default, openai/NAME, a GGUF file or its URL: see `ragent models`
  --planner P           direct or react
  --budget-steps N      stop after N steps
  --image FILE          an image that belongs to the task; may be given again
  --record FILE         keep the model's replies: --model recorded:FILE says them again
  -y, --yes             allow every call that asks first
  --json                one JSON object a line: each event, then the result
  -q, --quiet           only the answer
  --home DIR            where runs are kept (.ragent)

When the agent asks something, answer in the terminal. Without a terminal and without --yes the
run parks, says which command answers, and the exit code is 75.
Ctrl-C cancels the run at its next step; a second one leaves at once and keeps it.

Exit codes: 0 answered, 1 error, 2 usage, 10 failed, 11 gave up, 12 out of budget, 13 cancelled,
75 waits for you, 76 in doubt, 77 cannot go on, 78 the home has an owner that does not share it.
)"},
    {"chat", "ragent chat [AGENT] [options]", R"(
Talks with an agent, turn by turn. The input line stays while a turn works: what is typed then is
queued behind it. Without AGENT: the one in ./agents, or that of the session.

  --session S           go on with the conversation S
  --model M             as in `ragent run`
  --dev                 read the agent again before each turn, check that turns replay
  --home DIR            where runs are kept (.ragent)

Ctrl-C stops the turn; where none works, twice leaves, as Ctrl-D does. /help lists the commands.
Without a terminal each line of standard input is a message; a line that ends in \ goes on. The
exit code is then that of the first turn that was not answered, as in `ragent run`.
)"},
    {"fork", "ragent fork RUN --at STEP [--edit FILE] [options]", R"(
A new run that begins with what RUN recorded before STEP and goes on from there. RUN stays as it
is; its calls up to there are not made again, those from there on are made anew.

  --at STEP             as `ragent trace` writes it: 0:5, one call 0:5.1; start: only the input
  --edit FILE           what the step answers, instead of being asked again; - reads it. Of a think
                        the reply or plain text, of a call the value it observes, of a question the
                        decision (true, false or the answer), of start the text of the input
  --model M             another model, as in `ragent run`
  -y, --json, -q, --home   as in `ragent run`
)"},
    {"runs", "ragent runs [--in-doubt] [--json]", R"(
What ran here, newest first; also while another process works on this home.

  --in-doubt            only calls of which nobody knows whether they happened
  --json                one JSON object a line
  --home DIR            where runs are kept (.ragent)
)"},
    {"trace", "ragent trace RUN [--html FILE | --jsonl]", R"(
How a run went: its steps with their time and tokens, branches as a tree.

  --html FILE           the same as one page that needs nothing else
  --jsonl               the records themselves, one a line
  --home DIR            where runs are kept (.ragent)
)"},
    {"resume", "ragent resume [RUN] [options]", R"(
Carries on a run that was interrupted, with the agent, model and planner it began with.
Without RUN: all that were interrupted, one after another.

  -y, --yes             allow every call that asks first
  --json, -q, --home    as in `ragent run`
)"},
    {"resolve", "ragent resolve RUN STEP --happened RESULT | --did-not-happen | --abandon", R"(
Says what became of a call that is in doubt; then the run goes on.

  --happened RESULT     it did happen and this is its result, as JSON
  --did-not-happen      it certainly did not: the model is told so
  --abandon             nobody can tell: the agent is told so
  --who NAME            who decided (you)
  --evidence TEXT       how they know
  --later               only record it; `ragent resume` carries on
  -y, --json, -q, --home   as in `ragent run`
)"},
    {"asks", "ragent asks [ASK --allow | --deny | --answer JSON]", R"(
Lists the questions that wait for you. With ASK, answers one; then its run goes on.

  --allow, --deny       of a call that asks first
  --answer JSON         of a question
  --who NAME            who decided (you)
  --later               only record it; `ragent resume` carries on
  -y, --json, -q, --home   as in `ragent run`
)"},
    {"cancel", "ragent cancel RUN [--reason TEXT]", R"(
Stops a run at its next step. A program of a tool is killed; what became of an effect that was
under way is waited for until its time is over.

  --reason TEXT         why; kept with the run
  -y, --json, -q, --home   as in `ragent run`
)"},
    {"doctor", "ragent doctor [AGENT] [--json]", R"(
Looks for what is missing: the home, the disk, models, cores, the terminal, and the programs of an
agent's tools. The exit code is 1 when something has to be done.

  --json                one JSON object a line
  --home DIR            the home to look at (.ragent)
)"},
    {"models", "ragent models [ENDPOINT | fetch NAME] [--json]", R"(
Which models can be used here: the local ones, with what fetches those that are missing, and what
the endpoints have whose keys are set (OPENAI_API_KEY, ANTHROPIC_API_KEY, RAGENT_MODEL).

  ragent models openai                       all that this endpoint has; also anthropic, or a URL
  ragent models http://localhost:8080/v1
  ragent models fetch NAME                   the weights of https://HOST/x.gguf#sha256=HEX or
                                             hf:OWNER/REPO/FILE.gguf#sha256=HEX

What was fetched is kept in ~/.cache/ragent/models (RAGENT_CACHE/models). A fetch that was stopped
goes on where it was; `ragent run`, `chat` and `fork` fetch what they need before they begin.
The exit code is 1 when an endpoint did not answer.
)"},
    {"completion", "ragent completion bash | zsh | fish", R"(
Prints what a shell needs to complete commands, options, agents and runs. For good:

  bash    ragent completion bash > ~/.local/share/bash-completion/completions/ragent
  zsh     ragent completion zsh > ~/.zfunc/_ragent      (with fpath+=~/.zfunc before compinit)
  fish    ragent completion fish > ~/.config/fish/completions/ragent.fish
)"},
};

}  // namespace

std::string help_text(std::string_view command, bool color) {
  Look look{.color = color};
  auto found = std::ranges::find(kHelps, command, &Help::command);
  if (found == std::end(kHelps)) {
    std::string text(kOverview);
    for (std::string_view title : {"\nBegin\n", "\nLook\n", "\nDecide\n"}) {
      std::string word(title.substr(1, title.size() - 2));
      text.replace(text.find(title) + 1, word.size(), bold(look, word));
    }
    return fmt::format("{} {}", bold(look, "ragent"), dim(look, RAGENT_VERSION)) + "  " + text;
  }
  return fmt::format("{}\n{}", bold(look, found->usage), found->text);
}

}  // namespace ragent::cli
