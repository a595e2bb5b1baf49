#include <api/home_socket.h>

#include <base/file.h>

#include <fcntl.h>
#include <sys/un.h>

#include <cerrno>
#include <fmt/core.h>

namespace ragent::api {

Result<HomeSocket> HomeSocket::of(const std::string& home) {
  const std::string name = fmt::format("{}/{}", home, kSocketFile);
  FileDescriptor folder(::open(home.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!folder) return fail(system_error("open", home, errno));
  if (name.size() < sizeof(sockaddr_un::sun_path)) return HomeSocket(name, name, {});
  std::string path = fmt::format("/proc/self/fd/{}/{}", folder.get(), kSocketFile);
  return HomeSocket(name, std::move(path), std::move(folder));
}

}  // namespace ragent::api
