// Exit codes of the ragent command; the table of docs/reference/cli.md.
#pragma once

#include <ragent/run.h>

namespace ragent::cli {

enum Exit : int {
  kExitDone = 0,         // the run answered; the command did what it was asked
  kExitError = 1,        // something outside a run failed: a file, the store, a model
  kExitUsage = 2,        // the command line is not understood
  kExitFailed = 10,      // the run ended `failed`
  kExitGaveUp = 11,      // … `gave_up`
  kExitBudget = 12,      // … `budget`
  kExitCancelled = 13,   // … `cancelled`
  kExitWaiting = 75,     // the run is parked and waits for a person, a timer or a message
  kExitInDoubt = 76,     // the run is parked: nobody knows whether a call happened
  kExitStopped = 77,     // the run cannot go on as it is: unbound, diverged, quarantined, paused
  kExitHomeOwned = 78,   // another process owns the home and does not share it
  kExitInterrupted = 130,  // left by Ctrl-C: the run, or what was fetched, is kept
};

// The states of kExitStopped.
constexpr bool cannot_go_on(std::string_view state) {
  return state == "unbound" || state == "diverged" || state == "quarantined" || state == "paused";
}

constexpr Exit exit_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::answered: return kExitDone;
    case Outcome::gave_up: return kExitGaveUp;
    case Outcome::budget: return kExitBudget;
    case Outcome::cancelled: return kExitCancelled;
    case Outcome::failed: return kExitFailed;
  }
  return kExitError;
}

}  // namespace ragent::cli
