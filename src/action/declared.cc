#include <action/declared.h>

#include <action/exec.h>
#include <action/schema.h>

#include <filesystem>

namespace ragent {

Result<std::shared_ptr<SqlData>> ToolBinder::data(const std::string& folder) {
  std::error_code error;
  std::string path = std::filesystem::weakly_canonical(folder, error).string();
  std::lock_guard lock(mutex_);  // also while loading: others want the same
  std::weak_ptr<SqlData>& known = data_[path];
  if (std::shared_ptr<SqlData> loaded = known.lock()) return loaded;
  Result<std::shared_ptr<SqlData>> loaded = SqlData::load(folder);
  if (loaded) known = *loaded;
  return loaded;
}

Result<Tool> ToolBinder::bind(ToolSpec spec, const std::string& folder) {
  auto wrong = [&](Error error) { return fail(within("tool " + spec.name, std::move(error))); };
  if (std::vector<std::string> faults = validate_schema(spec.parameters); !faults.empty()) {
    return wrong({.kind = ErrorKind::invalid, .message = "parameters: " + faults.front()});
  }
  Result<std::shared_ptr<ToolBody>> body = nullptr;
  if (spec.kind == ToolSpec::Kind::sql) {
    Result<std::shared_ptr<SqlData>> loaded = data(folder);
    if (!loaded) return wrong(std::move(loaded.error()));
    body = sql_body(spec, std::move(*loaded));
    if (!body) return wrong(within("sql", std::move(body.error())));
  } else if (spec.kind == ToolSpec::Kind::exec) {
    body = exec_body(spec, folder);
    if (!body) return wrong(std::move(body.error()));
  } else {
    return wrong({.kind = ErrorKind::misuse,
                  .message = "a native tool has its body from the program that registers it"});
  }
  return Tool{.spec = std::move(spec), .body = std::move(*body)};
}

Result<Tool> bind_tool(ToolSpec spec, const std::string& folder) {
  return ToolBinder().bind(std::move(spec), folder);
}

}  // namespace ragent
