#include "bench/shared_lines/written_lines.h"

#include <pthread.h>
#include <sys/prctl.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <set>

namespace {

constexpr unsigned kLineBits = 6;
constexpr size_t kLinesMax = 1u << 22;
constexpr uint16_t kThreadsMax = 1024;
constexpr size_t kTakersMax = 8;
constexpr size_t kNameSize = 16;

struct Taker {
  std::atomic<uintptr_t> where{0};
  std::atomic<uint16_t> thread{0};
};

struct Line {
  std::atomic<uintptr_t> number{0};  // address / 64; 0: not used yet
  std::atomic<uint16_t> writer{0};   // thread
  std::atomic<uint64_t> writes{0};
  std::atomic<uint64_t> changes{0};
  std::array<Taker, kTakersMax> takers{};
};

// From the first write on, which comes before main(); never freed, for threads may outlive it.
Line* const lines = static_cast<Line*>(std::calloc(kLinesMax, sizeof(Line)));
std::array<std::array<char, kNameSize>, kThreadsMax> names;
std::array<std::atomic<uint64_t>, kThreadsMax> writes_of;
std::atomic<uint16_t> threads{0};

// Numbers the thread from 1 on, and keeps the name that it has at its first write and at last.
struct Me {
  uint16_t number = ++threads;
  Me() {
    if (number < kThreadsMax) {
      keep_name();
      return;
    }
    std::fprintf(stderr, "shared_lines: more than %u threads\n", kThreadsMax - 1U);
    std::abort();
  }
  Me(const Me&) = delete;
  Me& operator=(const Me&) = delete;
  ~Me() { keep_name(); }
  void keep_name() const { prctl(PR_GET_NAME, names[number].data()); }
};
thread_local const Me me;

Line& line_at(uintptr_t number) {
  size_t at = (number * 0x9E3779B97F4A7C15u) >> (64 - 22);
  for (size_t tries = 0; tries < kLinesMax; ++tries, at = (at + 1) % kLinesMax) {
    uintptr_t found = lines[at].number.load(std::memory_order_relaxed);
    if (found == 0 && lines[at].number.compare_exchange_strong(found, number)) return lines[at];
    if (found == number) return lines[at];
  }
  std::fprintf(stderr, "shared_lines: more than %zu lines were written\n", kLinesMax);
  std::abort();
}

void note_taker(Line& line, uintptr_t where) {
  for (Taker& taker : line.takers) {
    uintptr_t found = taker.where.load(std::memory_order_relaxed);
    if (found == 0 && taker.where.compare_exchange_strong(found, where)) found = where;
    if (found != where) continue;
    taker.thread.store(me.number, std::memory_order_relaxed);
    return;
  }
}

void wrote_line(uintptr_t number, uintptr_t where) {
  if (lines == nullptr) return;  // before the table was made
  Line& line = line_at(number);
  line.writes.fetch_add(1, std::memory_order_relaxed);
  const uint16_t before = line.writer.exchange(me.number, std::memory_order_relaxed);
  if (before == me.number || before == 0) return;
  line.changes.fetch_add(1, std::memory_order_relaxed);
  note_taker(line, where);
}

void wrote(const volatile void* address, size_t size, const void* where) {
  if (size == 0) return;
  const auto first = reinterpret_cast<uintptr_t>(address);
  writes_of[me.number].fetch_add(1, std::memory_order_relaxed);
  for (uintptr_t line = first >> kLineBits; line <= (first + size - 1) >> kLineBits; ++line) {
    wrote_line(line, reinterpret_cast<uintptr_t>(where));
  }
}

}  // namespace

namespace tapedeck::bench {

std::vector<ContestedLine> contested_lines(uint64_t changes) {
  std::vector<ContestedLine> contested;
  for (size_t i = 0; i < kLinesMax; ++i) {
    const Line& line = lines[i];
    if (line.changes <= changes) continue;
    ContestedLine& one = contested.emplace_back(ContestedLine{.changes = line.changes, .writes = line.writes});
    std::set<std::string> takers;
    for (const Taker& taker : line.takers) {
      if (taker.where == 0) break;
      takers.insert(names[taker.thread].data());
      one.where.push_back(taker.where);
    }
    one.threads.assign(takers.begin(), takers.end());
  }
  std::ranges::sort(contested, std::greater(), &ContestedLine::changes);
  return contested;
}

uint64_t writes_seen() {
  uint64_t sum = 0;
  for (const auto& writes : writes_of) sum += writes;
  return sum;
}

}  // namespace tapedeck::bench

// What the compiler calls. Their names and shapes are those of GCC's and clang's runtime, tsan_interface.h and
// tsan_interface_atomic.h. Atomics are carried out with the strongest order, whatever they ask for.
#pragma GCC diagnostic ignored "-Wmissing-declarations"
#define HERE __builtin_return_address(0)
extern "C" {
void __tsan_init() {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}
void __tsan_acquire(void*) {}
void __tsan_release(void*) {}
void __tsan_vptr_read(void*) {}
void __tsan_vptr_update(void** at, void*) { wrote(at, sizeof *at, HERE); }
void __tsan_read_range(void*, size_t) {}
void __tsan_write_range(void* at, size_t size) { wrote(at, size, HERE); }
void __tsan_atomic_thread_fence(int) { std::atomic_thread_fence(std::memory_order_seq_cst); }
void __tsan_atomic_signal_fence(int) {}

#define ACCESS(size)                                                     \
  void __tsan_read##size(void*) {}                                       \
  void __tsan_unaligned_read##size(void*) {}                             \
  void __tsan_volatile_read##size(void*) {}                              \
  void __tsan_write##size(void* at) { wrote(at, size, HERE); }           \
  void __tsan_unaligned_write##size(void* at) { wrote(at, size, HERE); } \
  void __tsan_volatile_write##size(void* at) { wrote(at, size, HERE); }
ACCESS(1)
ACCESS(2)
ACCESS(4)
ACCESS(8)
ACCESS(16)

#define FETCH(bits, type, name)                                                 \
  type __tsan_atomic##bits##_fetch_##name(volatile type* at, type value, int) { \
    wrote(at, sizeof *at, HERE);                                                \
    return __atomic_fetch_##name(at, value, __ATOMIC_SEQ_CST);                  \
  }
#define EXCHANGE_IF(bits, type, strength, weak)                                                             \
  int __tsan_atomic##bits##_compare_exchange_##strength(volatile type* at, type* from, type to, int, int) { \
    wrote(at, sizeof *at, HERE);                                                                            \
    return __atomic_compare_exchange_n(at, from, to, weak, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);             \
  }
#define ATOMIC(bits, type)                                                                                        \
  type __tsan_atomic##bits##_load(const volatile type* at, int) { return __atomic_load_n(at, __ATOMIC_SEQ_CST); } \
  void __tsan_atomic##bits##_store(volatile type* at, type value, int) {                                          \
    wrote(at, sizeof *at, HERE);                                                                                  \
    __atomic_store_n(at, value, __ATOMIC_SEQ_CST);                                                                \
  }                                                                                                               \
  type __tsan_atomic##bits##_exchange(volatile type* at, type value, int) {                                       \
    wrote(at, sizeof *at, HERE);                                                                                  \
    return __atomic_exchange_n(at, value, __ATOMIC_SEQ_CST);                                                      \
  }                                                                                                               \
  FETCH(bits, type, add)                                                                                          \
  FETCH(bits, type, sub)                                                                                          \
  FETCH(bits, type, and)                                                                                          \
  FETCH(bits, type, or)                                                                                           \
  FETCH(bits, type, xor)                                                                                          \
  EXCHANGE_IF(bits, type, strong, false)                                                                          \
  EXCHANGE_IF(bits, type, weak, true)
ATOMIC(8, uint8_t)
ATOMIC(16, uint16_t)
ATOMIC(32, uint32_t)
ATOMIC(64, uint64_t)

// Calls that our code makes of libraries that are not instrumented, to which the linker's --wrap sends them.
#define WRAPPED(result, name, parameters, arguments, at, size) \
  result __real_##name parameters;                             \
  result __wrap_##name parameters {                            \
    wrote(at, size, HERE);                                     \
    return __real_##name arguments;                            \
  }
WRAPPED(void*, memcpy, (void* to, const void* from, size_t n), (to, from, n), to, n)
WRAPPED(void*, memmove, (void* to, const void* from, size_t n), (to, from, n), to, n)
WRAPPED(void*, memset, (void* to, int value, size_t n), (to, value, n), to, n)
WRAPPED(int, pthread_mutex_lock, (pthread_mutex_t * mutex), (mutex), mutex, sizeof *mutex)
WRAPPED(int, pthread_mutex_unlock, (pthread_mutex_t * mutex), (mutex), mutex, sizeof *mutex)
WRAPPED(int, pthread_cond_clockwait,
        (pthread_cond_t * changed, pthread_mutex_t* mutex, clockid_t clock, const timespec* until),
        (changed, mutex, clock, until), changed, sizeof *changed)
WRAPPED(void, _ZNSt18condition_variable10notify_oneEv, (void* changed), (changed), changed, sizeof(pthread_cond_t))
WRAPPED(void, _ZNSt18condition_variable10notify_allEv, (void* changed), (changed), changed, sizeof(pthread_cond_t))
}
