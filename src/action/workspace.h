// Workspace: the files that a program left in its run's folder, kept as artifacts.
//
//   Workspace workspace(context.workspace);
//   workspace.look();        // before the call
//   workspace.keep(host);    // after it: what is new or changed since then
//   seen.files = workspace.files();
//
// A run's folder lives as long as the run: a later call finds the files of earlier ones, which are
// named only by the call that left them (of calls side by side, by each that sees them come). The
// content is hostile: no link is followed, no device opened, everything is bounded (limits.h), and
// what is not kept is named with its reason. Blocking; one thread at a time.
#pragma once

#include <ragent/tool.h>

#include <map>
#include <sys/stat.h>

namespace ragent {

class Workspace {
 public:
  explicit Workspace(std::string folder) : folder_(std::move(folder)) {}
  void look();
  void keep(ToolHost& host);
  // At most limits::kOutputFilesMax that are kept and as many that are not, in order of name.
  const std::vector<OutputFile>& files() const { return files_; }

 private:
  // Tells a file from what it was: any write moves the time of change, which nobody can set.
  struct Mark {
    std::uint64_t inode = 0;
    std::int64_t bytes = 0;
    std::int64_t changed_ns = 0;
    friend bool operator==(const Mark&, const Mark&) = default;
  };
  static Mark mark_of(const struct stat& entry);
  void keep_entry(ToolHost& host, int folder, const std::string& name, const std::string& path,
                  const struct stat& entry);
  void leave_out(const std::string& path, std::uint64_t bytes, std::string why);

  std::string folder_;
  std::map<std::string, Mark> before_ = {};
  bool seen_whole_ = true;  // by look(): nothing was over a limit or could not be read
  std::int64_t looked_ns_ = 0;  // when that began
  std::vector<OutputFile> files_ = {};
  std::size_t kept_ = 0;
  std::size_t kept_bytes_ = 0;
  std::size_t left_out_ = 0;
};

}  // namespace ragent
