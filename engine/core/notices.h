// Sentences that the threads of a run have to say to its user while it goes on. Any thread may add; who watches over
// the run tells them. After a thousand a last one says that there are more.
#pragma once

#include <mutex>
#include <string>
#include <vector>

namespace tapedeck::core {

class Notices {
 public:
  void add(const std::vector<std::string>& sentences) {
    const std::lock_guard lock(mutex_);
    for (const std::string& sentence : sentences) {
      if (sentences_.size() > kMax) return;
      sentences_.push_back(sentences_.size() < kMax ? sentence : "further notices are left out");
    }
  }
  [[nodiscard]] std::vector<std::string> all() const {
    const std::lock_guard lock(mutex_);
    return sentences_;
  }

 private:
  static constexpr size_t kMax = 1000;

  mutable std::mutex mutex_;
  std::vector<std::string> sentences_;  // guarded by mutex_
};

}  // namespace tapedeck::core
