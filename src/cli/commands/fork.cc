// ragent fork: a new run that goes on from a step of another one.
#include <base/file.h>
#include <base/text.h>
#include <cli/commands.h>
#include <cli/follow.h>
#include <cli/home.h>
#include <cli/render.h>
#include <cli/weights.h>
#include <ragent/limits.h>

#include <fmt/core.h>

namespace ragent::cli {
namespace {

Result<Json> read_edit(const std::string& file) {
  Result<std::string> text =
      file == "-" ? read_input("the edit") : read_file(file, limits::kInputBytesMax);
  if (!text) return fail(std::move(text.error()));
  while (text->ends_with('\n') || text->ends_with('\r')) text->pop_back();
  if (trim(*text).empty()) {
    return fail(ErrorKind::invalid, R"(the edit is empty: expected what the step answers; "" in )"
                                    "quotes is a text without a word");
  }
  Result<Json> edit = json_or_text(*text);
  if (!edit) return fail(within("the edit", std::move(edit.error())));
  return edit;
}

}  // namespace

int fork_command(const Args& args, const Console& console) {
  Result<RunRow> row = find_run_in(home_of(args), args.run);
  if (!row) return console.report(row.error());
  ForkOptions options{.at = args.step, .model = args.model, .who = user_name()};
  if (!args.edit.empty()) {
    Result<Json> edit = read_edit(args.edit);
    if (!edit) return console.report(edit.error());
    options.edit = std::move(*edit);
  }
  catch_interrupts();
  if (Result<void> here = bring_weights(args.model, console); !here) {
    return report_weights(here.error(), console);
  }
  Result<std::unique_ptr<Host>> host = open_home(engine_options(args), args);
  if (!host) return report_home(host.error(), console);
  Result<RunHandle> handle = (*host)->fork(row->uid, std::move(options));
  if (!handle) return console.report(handle.error());
  if (!args.json && !args.quiet) {
    std::string head = dotted(
        console.err, {row->agent, "run " + handle->id(), fork_text(row->uid + "@" + args.step)});
    note(fmt::format("{}\n\n", dim(console.err, head)));
  }
  return follow(**host, *handle, args, console);
}

}  // namespace ragent::cli
