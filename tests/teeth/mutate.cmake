# cmake -DIN=src/runtime/x.cc -DOUT=… -P mutate.cmake: a copy of one file of the runtime in which
# `ragent::mutation` breaks a rule. An edit that no longer fits fails the build: change it here, too.
get_filename_component(name "${IN}" NAME)
file(READ "${IN}" text)

function(break_rule file number old new)
  if(NOT file STREQUAL name)
    return()
  endif()
  string(FIND "${text}" "${old}" at)
  if(at EQUAL -1)
    message(FATAL_ERROR "tests/teeth/mutate.cmake: mutation ${number} no longer fits ${file}: "
                        "no \"${old}\"")
  endif()
  string(REPLACE "${old}" "${new}" text "${text}")
  set(text "${text}" PARENT_SCOPE)
endfunction()

break_rule(branch.cc 1 "if (!run_.replaying_) co_return;"
  "if (!run_.replaying_ || mutation == 1) co_return;")
break_rule(act.cc 2 "if (tool.spec.effect != Effect::idempotent) {"
  "if (tool.spec.effect != Effect::idempotent && mutation != 2) {")
break_rule(fork.cc 3 "  if (!recorded) {\n    append(record(admitted.step, RecordKind::next"
  "  if (!recorded) {\n    if (mutation != 3) append(record(admitted.step, RecordKind::next")
break_rule(act.cc 4 "case AfterUnknown::in_doubt:"
  "case AfterUnknown::in_doubt:\n        if (mutation == 4) {\n          unknown = false;\n          break;\n        }")
break_rule(live_world.cc 5 "co_await shard_.committed(shard_.ticket());\n  one.started"
  "if (mutation != 5) co_await shard_.committed(shard_.ticket());\n  one.started")
break_rule(branch.cc 6 "if (record->n > cut_) continue;"
  "if (record->n > cut_ && mutation != 6) continue;")
break_rule(fork.cc 7 "pick == kNever || child.branch->last_n_ <"
  "pick == kNever || (mutation == 7 ? kNever : child.branch->last_n_) <")
file(WRITE "${OUT}" "namespace ragent {\nextern int mutation;\n}\n${text}")
