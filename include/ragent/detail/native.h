// tool(name, description, callable): a C++ function as a Tool. Included by typed.h.
//
//   struct Sum { int a; int b; };
//   Tool add = tool("add", "Add two integers.", [](Sum s) { return s.a + s.b; }).read();
//   Tool wait = tool("wait", "Wait.", [](Pause p, ToolContext& c) -> Task<void> { … });
//
// Forms: R(P), R(P, ToolContext&) on the blocking pool, where several threads may be inside the
// callable at once; Task<R>(P, ToolContext&) on the shard. P is a plain struct, Json, or absent.
// R is whatever typed.h can print, void, or a Result of these: Error{rejected} = certainly not
// done. Exceptions become Error{internal}.
#pragma once

#include <ragent/typed.h>

namespace ragent {
namespace detail {

// On the blocking pool; the context is a copy that lives as long as the call.
using BlockingCall = std::move_only_function<Result<Json>(const Json& arguments, ToolContext&)>;
using ShardCall = std::move_only_function<Task<Json>(Json arguments, ToolContext&)>;

std::shared_ptr<ToolBody> native_body(const std::string& tool, BlockingCall call);
std::shared_ptr<ToolBody> native_body(const std::string& tool, ShardCall call);
void set_query(ToolBody& native, BlockingCall query);
Json to_json(const QueryAnswer& answer);
Error bad_arguments(Error error);  // Error{rejected}: nothing was started

template <class T>
struct Unwrapped {
  using Type = T;
  static constexpr bool kIsTask = false;
};
template <class T>
struct Unwrapped<Result<T>> : Unwrapped<T> {};
template <class T>
struct Unwrapped<Task<T>> : Unwrapped<T> {
  static constexpr bool kIsTask = true;
};

template <class F>
struct Signature {
  static constexpr bool kIsKnown = false;
};
template <class R, class... A>
struct Signature<std::function<R(A...)>> {
  static constexpr bool kIsKnown = true;
  static constexpr bool kIsTask = Unwrapped<R>::kIsTask;
  template <class T>
  static constexpr bool kIsContext = std::is_same_v<T, ToolContext&>;
  static constexpr std::size_t kContexts = (std::size_t{kIsContext<A>} + ... + 0);
  static constexpr bool kHasParameters = sizeof...(A) > kContexts;
  static constexpr bool kIsForm = kContexts <= 1 && sizeof...(A) <= kContexts + 1;
  struct None {};
  template <class First, class...>
  struct FirstOf {
    using Type = std::remove_cvref_t<First>;
  };
  using Parameters =
      typename std::conditional_t<kHasParameters, FirstOf<A..., None>, FirstOf<None>>::Type;
};

template <class F>
consteval auto signature_of() {
  if constexpr (requires { std::function(std::declval<F>()); }) {
    return Signature<decltype(std::function(std::declval<F>()))>();
  } else {
    return Signature<F>();
  }
}

template <class F>
struct Form : decltype(signature_of<F>()) {
  using Known = decltype(signature_of<F>());
  static constexpr bool check() {
    static_assert(Known::kIsKnown,
                  "ragent: a tool is one function with plain parameter types: no "
                  "auto parameters, no overloads");
    if constexpr (Known::kIsKnown) {
      static_assert(Known::kIsForm,
                    "ragent: a tool takes (P), (P, ToolContext&), (ToolContext&) "
                    "or (): its arguments are the fields of one struct P");
      using P = typename Known::Parameters;
      constexpr bool is_struct =
          std::is_same_v<P, Json> || (std::is_class_v<P> && std::is_aggregate_v<P>);
      static_assert(is_struct,
                    "ragent: a tool's parameter must be a plain struct (an aggregate: "
                    "no constructors, no private members, no virtual functions)");
      return Known::kIsForm && is_struct;
    } else {
      return false;
    }
  }
};

template <class F, class P>
decltype(auto) invoke_form(F& function, P parameters, ToolContext& context) {
  using Known = Form<F>;
  if constexpr (Known::kHasParameters && Known::kContexts == 1) {
    return function(std::move(parameters), context);
  } else if constexpr (Known::kHasParameters) {
    return function(std::move(parameters));
  } else if constexpr (Known::kContexts == 1) {
    return function(context);
  } else {
    return function();
  }
}

template <class T>
Json output(T&& value) {
  using Value = std::remove_cvref_t<T>;
  if constexpr (std::is_same_v<Value, Json>) {
    return std::forward<T>(value);
  } else if constexpr (std::is_same_v<Value, QueryAnswer>) {
    return to_json(value);
  } else {
    return to_json_value(value);
  }
}
template <class T>
Result<Json> output(Result<T>&& result) {
  if (!result) return fail(std::move(result.error()));
  if constexpr (std::is_void_v<T>) {
    return Json("done");
  } else {
    return output(std::move(*result));
  }
}

template <class F>
Result<Json> call_blocking(F& function, const Json& arguments, ToolContext& context) {
  using P = typename Form<F>::Parameters;
  Result<P> parameters = from_json<P>(arguments);
  if (!parameters) return fail(bad_arguments(std::move(parameters.error())));
  using R = decltype(invoke_form(function, std::move(*parameters), context));
  if constexpr (std::is_void_v<R>) {
    invoke_form(function, std::move(*parameters), context);
    return Json("done");
  } else {
    return output(invoke_form(function, std::move(*parameters), context));
  }
}

template <class F>
Task<Json> call_on_shard(F& function, Json arguments, ToolContext& context) {
  using P = typename Form<F>::Parameters;
  Result<P> parameters = from_json<P>(arguments);
  if (!parameters) co_return bad_arguments(std::move(parameters.error()));
  auto result = co_await invoke_form(function, std::move(*parameters), context).result();
  co_return output(std::move(result));
}

}  // namespace detail

template <class F>
Tool tool(std::string name, std::string description, F function) {
  using Form = detail::Form<F>;
  Tool made{.spec = {.name = std::move(name), .description = std::move(description)}};
  if constexpr (Form::check()) {
    using P = typename Form::Parameters;
    if constexpr (std::is_same_v<P, Json>) {
      made.spec.parameters = Json::object({{"type", "object"}});
    } else {
      made.spec.parameters = schema_of<P>();
    }
    if constexpr (Form::kIsTask) {
      made.body = detail::native_body(
          made.spec.name, detail::ShardCall([function = std::move(function)](
                                                Json arguments, ToolContext& context) mutable {
            return detail::call_on_shard(function, std::move(arguments), context);
          }));
    } else {
      made.body = detail::native_body(
          made.spec.name,
          detail::BlockingCall([function = std::move(function)](const Json& arguments,
                                                                ToolContext& context) mutable {
            return Result<Json>(detail::call_blocking(function, arguments, context));
          }));
    }
  }
  return made;
}

template <class F>
Tool Tool::query(F function) && {
  using Form = detail::Form<F>;
  if constexpr (Form::check()) {
    RAGENT_ASSERT(body);
    spec.query = true;
    detail::set_query(*body, [function = std::move(function)](const Json& arguments,
                                                              ToolContext& context) mutable {
      return Result<Json>(detail::call_blocking(function, arguments, context));
    });
  }
  return std::move(*this);
}

}  // namespace ragent
