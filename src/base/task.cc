#include <ragent/task.h>

#include <exception>
#include <new>

#if defined(__SANITIZE_ADDRESS__)
#define RAGENT_FRAME_POOL 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define RAGENT_FRAME_POOL 0
#endif
#endif
#ifndef RAGENT_FRAME_POOL
#define RAGENT_FRAME_POOL 1
#endif

namespace ragent::detail {

#if RAGENT_FRAME_POOL

namespace {

constexpr std::size_t kClassBytes = 32;
constexpr std::size_t kClasses = 128;             // frames above 4 KiB go to the allocator
constexpr std::size_t kPooledMax = 32u << 20;     // a thread keeps at most this many bytes

struct Free {
  Free* next;
};

// Free frames of one thread, by size. A frame may have come from another thread: it is plain
// memory of the global allocator, so a thread that only frees is stopped by kPooledMax.
struct FramePool {
  Free* lists[kClasses + 1] = {};
  std::size_t pooled = 0;
  enum : std::uint8_t { unused, open, closed } state = unused;
};

thread_local constinit FramePool pool;  // constinit: no initialisation check at each access

// Gives the frames back when the thread ends. Apart from the pool, which must stay trivial.
struct PoolCloser {
  ~PoolCloser() {
    for (Free*& list : pool.lists) {
      while (list) ::operator delete(std::exchange(list, list->next));
    }
    pool.state = FramePool::closed;
  }
  void open() { pool.state = FramePool::open; }
};
thread_local PoolCloser closer;

}  // namespace

void* frame_allocate(std::size_t size) {
  const std::size_t index = (size + kClassBytes - 1) / kClassBytes;
  if (index > kClasses) return ::operator new(size);
  if (Free* frame = pool.lists[index]) {
    pool.lists[index] = frame->next;
    pool.pooled -= index * kClassBytes;
    return frame;
  }
  return ::operator new(index * kClassBytes);
}

void frame_free(void* frame, std::size_t size) noexcept {
  const std::size_t index = (size + kClassBytes - 1) / kClassBytes;
  const std::size_t bytes = index * kClassBytes;
  if (pool.state == FramePool::unused) closer.open();
  if (index > kClasses || pool.pooled + bytes > kPooledMax || pool.state == FramePool::closed) {
    ::operator delete(frame);
    return;
  }
  pool.lists[index] = new (frame) Free{pool.lists[index]};
  pool.pooled += bytes;
}

#else  // the sanitizer must see each frame come and go

void* frame_allocate(std::size_t size) { return ::operator new(size); }
void frame_free(void* frame, std::size_t) noexcept { ::operator delete(frame); }

#endif

std::unique_ptr<Error> error_from_current_exception() noexcept {
  auto error = std::make_unique<Error>();
  try {
    throw;
  } catch (const std::exception& exception) {
    error->message = std::string("an exception escaped: ") + exception.what();
  } catch (...) {
    error->message = "an exception escaped that is not a std::exception";
  }
  return error;
}

}  // namespace ragent::detail
