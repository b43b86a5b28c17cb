// Sentences that the threads of a run have to say to its user while it goes on. Any thread may add; who watches over
// the run tells them.
#pragma once

#include <mutex>
#include <string>
#include <vector>

namespace tapedeck::core {

class Notices {
 public:
  void add(const std::vector<std::string>& sentences) {
    const std::lock_guard lock(mutex_);
    sentences_.insert(sentences_.end(), sentences.begin(), sentences.end());
  }
  [[nodiscard]] std::vector<std::string> all() const {
    const std::lock_guard lock(mutex_);
    return sentences_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> sentences_;  // guarded by mutex_
};

}  // namespace tapedeck::core
