// Any bytes as the body of a request to a home's owner, as what it answers, and as a part of a
// path: refused with an Error that can be shown, or understood; and then said again it is
// understood again.
#include <api/wire.h>
#include <base/text.h>

#include <cstdint>

namespace {

using namespace ragent;

void check(const Error& error) {
  RAGENT_ASSERT(error.kind == ErrorKind::invalid && valid_utf8(error.message));
}

template <class T>
void refused_or_read(const Result<T>& read) {
  if (!read) check(read.error());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  refused_or_read(api::decoded(text));
  RAGENT_ASSERT(api::decoded(api::encoded(text)).value() == text);
  Result<Json> json = parse_json(text);
  if (!json) return 0;
  Result<StartRequest> start = api::read_start(*json);
  refused_or_read(start);
  if (start) {
    const Json said = api::to_json(*start);
    Result<StartRequest> again = api::read_start(said);
    RAGENT_ASSERT(again && api::to_json(*again) == said);
  }
  Result<ForkOptions> fork = api::read_fork(*json);
  refused_or_read(fork);
  if (fork) {
    const Json said = api::to_json(*fork);
    Result<ForkOptions> again = api::read_fork(said);
    RAGENT_ASSERT(again && api::to_json(*again) == said);
  }
  refused_or_read(api::read_decision(*json));
  Result<api::Resolve> resolve = api::read_resolve(*json);
  refused_or_read(resolve);
  if (resolve) {
    RAGENT_ASSERT(api::read_resolve(api::resolve_body(resolve->step, resolve->resolution)));
  }
  refused_or_read(api::read_reason(*json));
  refused_or_read(api::read_owner(*json));
  refused_or_read(api::read_ask(*json));
  Result<Event> event = api::read_event(*json);
  refused_or_read(event);
  if (event)
    RAGENT_ASSERT(api::to_json(*api::read_event(api::to_json(*event))) == api::to_json(*event));
  (void)api::read_problem(*json, 400);
  return 0;
}
