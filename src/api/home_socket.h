// Where the owner of a home listens: HOME/ragent.sock. A socket's address holds 107 bytes and no
// more; to a longer one leads a short way through a descriptor of the home's folder.
//
//   Result<HomeSocket> socket = HomeSocket::of(".ragent");
//   connect(socket->path());                  // valid while `socket` lives, in this process
//
// One owner; any thread.
#pragma once

#include <ragent/result.h>

#include <base/posix.h>

#include <string>

namespace ragent::api {

inline constexpr std::string_view kSocketFile = "ragent.sock";

class HomeSocket {
 public:
  // Error{not_found}: there is no such home; io: it cannot be opened.
  static Result<HomeSocket> of(const std::string& home);
  const std::string& path() const { return path_; }
  const std::string& name() const { return name_; }  // for people

 private:
  HomeSocket(std::string name, std::string path, FileDescriptor folder)
      : name_(std::move(name)), path_(std::move(path)), folder_(std::move(folder)) {}
  std::string name_;
  std::string path_;
  FileDescriptor folder_;  // when the way leads through it
};

}  // namespace ragent::api
