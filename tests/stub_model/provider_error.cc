// How each family of endpoints writes an error.

#include <stub_model/fill.h>
#include <stub_model/reply.h>

namespace ragent::stub {

namespace {

struct Words {
  int status = 0;
  std::string_view openai_type = {};
  std::string_view openai_code = {};  // empty: null
  std::string_view anthropic_type = {};
  std::string_view message = {};
};

constexpr Words kWords[] = {
    {400, "invalid_request_error", "", "invalid_request_error", "The request is not understood."},
    {401, "invalid_request_error", "invalid_api_key", "authentication_error", "The key is wrong."},
    {402, "insufficient_quota", "", "billing_error", "Nothing is left to pay with."},
    {403, "permission_error", "", "permission_error", "This key may not use this model."},
    {404, "invalid_request_error", "model_not_found", "not_found_error", "No such model."},
    {408, "timeout", "", "timeout_error", "The request came too slowly."},
    {409, "conflict_error", "", "invalid_request_error", "Somebody else works on this."},
    {413, "invalid_request_error", "", "request_too_large", "The request is too large."},
    {422, "invalid_request_error", "", "invalid_request_error", "The request makes no sense."},
    {429, "requests", "rate_limit_exceeded", "rate_limit_error", "Too many requests at once."},
    {500, "server_error", "", "api_error", "Something broke here."},
    {504, "server_error", "", "timeout_error", "It took too long."},
    {529, "server_error", "", "overloaded_error", "There is too much to do here."},
};

Words words_of(int status, bool no_quota) {
  if (no_quota) {
    return {status, "insufficient_quota", "insufficient_quota", "billing_error",
            "Your quota is used up."};
  }
  for (const Words& words : kWords) {
    if (words.status == status) return words;
  }
  return {status, "server_error", "", "api_error", "This did not work."};
}

std::string openai_error(const Words& words) {
  return fill(R"({"message":$,"type":$,"param":null,"code":$})",
              {quoted(words.message), quoted(words.openai_type),
               words.openai_code.empty() ? "null" : quoted(words.openai_code)});
}

std::string anthropic_error(const Words& words) {
  return fill(R"({"type":$,"message":$})", {quoted(words.anthropic_type), quoted(words.message)});
}

}  // namespace

std::string error_of(Api api, int status, bool no_quota) {
  const Words words = words_of(status, no_quota);
  if (api != Api::messages) return fill(R"({"error":$})", {openai_error(words)});
  return fill(R"({"type":"error","error":$,"request_id":"req_stub"})", {anthropic_error(words)});
}

Event error_event_of(Api api, bool in_place_of_the_end) {
  if (api == Api::chat) return {.data = error_of(api, 500)};
  if (api == Api::messages) {
    return {.name = "error",
            .data = fill(R"({"type":"error","error":$})", {anthropic_error(words_of(529, false))})};
  }
  if (!in_place_of_the_end) {
    return {.name = "error",
            .data = R"({"type":"error","sequence_number":0,"code":"server_error",)"
                    R"("message":"Something broke here.","param":null})"};
  }
  return {.name = "response.failed",
          .data = R"({"type":"response.failed","sequence_number":0,"response":{"id":"resp_stub",)"
                  R"("object":"response","created_at":1700000000,"status":"failed","error":)"
                  R"({"code":"server_error","message":"Something broke here."},)"
                  R"("incomplete_details":null,"model":"stub","output":[],"usage":null}})"};
}

}  // namespace ragent::stub
