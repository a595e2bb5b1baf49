// The commands of `ragent`, one file each in commands/. main() picks one; each answers with the
// exit code.
//
//   {"run", run_command}
//
// Main thread. Commands that only look open the home read-only, beside a living owner.
#pragma once

#include <cli/args.h>
#include <cli/console.h>

namespace ragent::cli {

int new_command(const Args& args, const Console& console);
int check_command(const Args& args, const Console& console);
int run_command(const Args& args, const Console& console);
int chat_command(const Args& args, const Console& console);
int fork_command(const Args& args, const Console& console);
int runs_command(const Args& args, const Console& console);
int trace_command(const Args& args, const Console& console);
int resume_command(const Args& args, const Console& console);
int resolve_command(const Args& args, const Console& console);
int asks_command(const Args& args, const Console& console);
int cancel_command(const Args& args, const Console& console);
int doctor_command(const Args& args, const Console& console);
int models_command(const Args& args, const Console& console);
int completion_command(const Args& args, const Console& console);

}  // namespace ragent::cli
