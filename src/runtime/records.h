// Bodies of the journal's records: JSON, one shape per kind and phase. The trace, the console and
// later releases read these; a shape only ever gains members.
//
//   kind      phase    body
//   start     outcome  {agent, folder, spec, planner, session, input: Message, schema?, state?,
//                       budget: {steps, tokens, time_ms}, deadline?, seed, labels,
//                       forked?: {run, at, session, head, records}, usage?: of chapters before}
//   open      outcome  {system, date, head, history_from, examples}
//   think     intent   {model, params, reserve, after, steer?: [text],
//                       compact?: {turns?, observations?, calls?, tokens: [before, after]}}
//   think     outcome  {reply: Reply, ms} | {error: {kind, message}, ms} | {refused: text}
//   act read  outcome  {tool, arguments, observation: Observation, ms}
//   act       intent   {tool, arguments, effect, key, not_after}
//   act       outcome  {tool, arguments, observation: Observation, ms}; status done | failed |
//                      unknown | refused
//   ask       intent   {question, schema?, digest, tool?, arguments?}
//   ask       outcome  {who, allowed, answer?}
//   value     outcome  {what: now | random | note, value}
//   patched   outcome  {name, value}
//   wait      intent   {due};   outcome {fired: timer | message}
//   fork      outcome  {children, speculative, share: budget}
//   next      outcome  {fork, child, budget}
//   cancel    outcome  {children: [path], reason, budget}
//   resolve   outcome  {verdict, result?, who, evidence?}
//   stop      outcome  {who, reason, budget}
//   chapter   outcome  {state, budget}
//   final     outcome  {outcome, text, usage, budget, error?, unresolved: [step]}
//
// What a person gave to a fork instead of what happened says so: {edited: true, who} in the body of
// that start, think, act or ask.
//
// Message, Reply: model.h. Observation: {status, value, artifact?, files?, label?} (messages.h).
// Label: {trusted, confidential}, only what is not the default. Usage: {tokens_input,
// tokens_cached, tokens_output, tokens_written?, cost_nanodollars?, cost_partial?}. What a think
// cost is decided when it is asked and never worked out again.
#pragma once

#include <ragent/run.h>
#include <store/store.h>

namespace ragent {

Json to_json(const Budget& budget);
Budget budget_from_json(const Json& json);
Json to_json(const Error& error);
Error error_from_json(const Json& json);
Json to_json(const Usage& usage);
Usage usage_from_json(const Json& json);
Json to_json(const Observation& observation);
Result<Observation> observation_from_json(const Json& json);
Json to_json(const Decision& decision);
Decision decision_from_json(const Json& json);
Observation resolved_observation(const Json& resolve);  // what a person's verdict says
Message input_message(const Input& input);  // as the user said it

// What a `final` record means: for the caller, and for the tenant file.
Result<Answer> answer_of(const std::string& run, const Json& final);
Applied applied_of(const RunRow& row, const std::vector<Record>& records);

// What a start record says the run was forked from.
struct ForkedFrom {
  std::string run = {};
  std::string at = {};
  Origin origin = {};
  std::uint32_t records = 0;  // copied, its start and what was edited among them; 0: no fork
};
ForkedFrom forked_from(const Json& start);
Json to_json(const ForkedFrom& from);

// "0.4.1:3" and "0.4.1:3.2": how a step and one call of it are written everywhere.
std::string step_name(std::string_view path, std::uint32_t step);
std::string call_name(std::string_view path, std::uint32_t step, std::uint32_t call);
struct StepName {
  std::string path = "0";
  std::uint32_t step = 0;
  std::uint32_t call = 0;
};
Result<StepName> parse_step_name(std::string_view text);  // also "3": step 3 of branch 0

}  // namespace ragent
