// Places: which session each run under way belongs to, and so on which shard it is: from before
// its start until it has ended. Owned by the engine; any thread.
//
//   Places::Hold hold = places.hold(uid, session);      // `session`: now that of who came first
//   std::optional<std::string> at = places.find(uid);   // while anybody holds it
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

namespace ragent {

class Places {
 public:
  // While one is kept, everybody who asks for this run is sent to the same session.
  class Hold {
   public:
    Hold() = default;
    Hold(Places& places, std::string uid) : places_(&places), uid_(std::move(uid)) {}
    Hold(Hold&& other) noexcept
        : places_(std::exchange(other.places_, nullptr)), uid_(std::move(other.uid_)) {}
    Hold& operator=(Hold&& other) noexcept {
      std::swap(places_, other.places_);
      std::swap(uid_, other.uid_);
      return *this;
    }
    ~Hold() {
      if (places_) places_->release(uid_);
    }

   private:
    Places* places_ = nullptr;
    std::string uid_ = {};
  };

  Hold hold(const std::string& uid, std::string& session) {
    const std::lock_guard lock(mutex_);
    Place& place = places_[uid];
    if (place.holds++ == 0) place.session = session;
    session = place.session;
    return {*this, uid};
  }

  std::optional<std::string> find(const std::string& uid) const {
    const std::lock_guard lock(mutex_);
    const auto found = places_.find(uid);
    return found == places_.end() ? std::nullopt : std::optional(found->second.session);
  }

 private:
  struct Place {
    std::string session = {};
    std::size_t holds = 0;
  };
  void release(const std::string& uid) {
    const std::lock_guard lock(mutex_);
    const auto found = places_.find(uid);
    if (--found->second.holds == 0) places_.erase(found);
  }

  mutable std::mutex mutex_;
  std::map<std::string, Place> places_ = {};  // guarded by mutex_
};

}  // namespace ragent
