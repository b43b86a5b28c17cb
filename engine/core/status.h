// Errors of cold paths, exit codes and invariants. An Error is a code and one sentence that says what went wrong,
// where, and what to do. Hot paths use small [[nodiscard]] enums of their own instead and allocate nothing.
// TD_CHECK guards invariants of ours and aborts; it is never used on input.
#pragma once

#include <fmt/format.h>

#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace tapedeck::core {

// Exit codes of every command (docs/operations.md, "Exit codes").
enum class ExitCode : int {
  kOk = 0,
  kFailed = 1,
  kUsage = 2,
  kDamaged = 3,  // data lost or damaged
  kLate = 4,     // complete, but not when it was due
  kCroaked = 5,
  kInterrupted = 130,
};

struct Error {
  ExitCode code = ExitCode::kFailed;
  std::string message;
};

template <class T>
using Result = tl::expected<T, Error>;
using Status = Result<void>;

template <class... Args>
[[nodiscard]] tl::unexpected<Error> fail_with(ExitCode code, fmt::format_string<Args...> format, Args&&... args) {
  return tl::unexpected<Error>(Error{code, fmt::format(format, std::forward<Args>(args)...)});
}

template <class... Args>
[[nodiscard]] tl::unexpected<Error> fail(fmt::format_string<Args...> format, Args&&... args) {
  return fail_with(ExitCode::kFailed, format, std::forward<Args>(args)...);
}

[[noreturn]] void check_failed(const char* condition, const char* file, int line);

}  // namespace tapedeck::core

#define TD_CHECK(condition)                                           \
  do {                                                                \
    if (!(condition)) [[unlikely]]                                    \
      ::tapedeck::core::check_failed(#condition, __FILE__, __LINE__); \
  } while (false)

// Returns from the caller with the error of `expression`, a Status or Result, if it has one.
#define TD_TRY(expression)                                                                                \
  do {                                                                                                    \
    if (auto td_status = (expression); !td_status) return ::tl::unexpected(std::move(td_status).error()); \
  } while (false)

// TD_ASSIGN(auto x, f()): declares x with f's value, or returns from the caller with its error.
#define TD_ASSIGN_CONCAT_(a, b) a##b
#define TD_ASSIGN_NAME_(line) TD_ASSIGN_CONCAT_(td_result_, line)
#define TD_ASSIGN(declaration, expression)                                                               \
  auto TD_ASSIGN_NAME_(__LINE__) = (expression);                                                         \
  if (!TD_ASSIGN_NAME_(__LINE__)) return ::tl::unexpected(std::move(TD_ASSIGN_NAME_(__LINE__)).error()); \
  declaration = std::move(*TD_ASSIGN_NAME_(__LINE__))
