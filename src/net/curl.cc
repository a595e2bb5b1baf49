#include <net/curl.h>

#include <dlfcn.h>

namespace ragent {
namespace {

constexpr const char* kLibraries[] = {"libcurl.so.4", "libcurl-gnutls.so.4"};

template <class F>
bool load(void* library, const char* name, F& function) {
  function = reinterpret_cast<F>(::dlsym(library, name));
  return function != nullptr;
}

bool load_all(void* library, Curl& out) {
  return load(library, "curl_easy_init", out.easy_init) &&
         load(library, "curl_easy_cleanup", out.easy_cleanup) &&
         load(library, "curl_easy_reset", out.easy_reset) &&
         load(library, "curl_easy_setopt", out.easy_setopt) &&
         load(library, "curl_easy_getinfo", out.easy_getinfo) &&
         load(library, "curl_easy_pause", out.easy_pause) &&
         load(library, "curl_easy_strerror", out.easy_strerror) &&
         load(library, "curl_multi_init", out.multi_init) &&
         load(library, "curl_multi_cleanup", out.multi_cleanup) &&
         load(library, "curl_multi_setopt", out.multi_setopt) &&
         load(library, "curl_multi_add_handle", out.multi_add_handle) &&
         load(library, "curl_multi_remove_handle", out.multi_remove_handle) &&
         load(library, "curl_multi_info_read", out.multi_info_read) &&
         load(library, "curl_multi_socket_action", out.multi_socket_action) &&
         load(library, "curl_multi_strerror", out.multi_strerror) &&
         load(library, "curl_multi_timeout", out.multi_timeout) &&
         load(library, "curl_slist_append", out.slist_append) &&
         load(library, "curl_slist_free_all", out.slist_free_all) &&
         load(library, "curl_global_init", out.global_init) &&
         load(library, "curl_version_info", out.version_info);
}

struct Loaded {
  Curl functions = {};
  std::string why = {};  // it is not
};

Loaded load_now() {
  Loaded out;
  for (const char* name : kLibraries) {
    void* library = ::dlopen(name, RTLD_NOW | RTLD_LOCAL);  // stays
    if (library && load_all(library, out.functions)) {
      out.why.clear();
      return out;
    }
    const char* said = ::dlerror();
    if (out.why.empty()) out.why = said ? said : name;
  }
  return out;
}

const Loaded& loaded() {
  static const Loaded kLoaded = load_now();
  return kLoaded;
}

}  // namespace

Result<void> load_curl() {
  if (loaded().why.empty()) return {};
  return fail(ErrorKind::unavailable, "endpoints are asked by libcurl, which cannot be loaded (" +
                                          loaded().why + "): install it (Debian: libcurl4)");
}

const Curl& curl() {
  RAGENT_ASSERT(loaded().why.empty());
  return loaded().functions;
}

}  // namespace ragent
