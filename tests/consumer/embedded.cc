#include "replay/embedded.h"

#include <cstdio>

struct Adder final : tapedeck::blackbox::Handler {
  void on_block(const tapedeck::blackbox::Block& block) override {
    for (const tapedeck::tape::RecordView record : block.records) bytes += record.payload().size();
  }
  size_t bytes = 0;
};

int main(int, char** argv) {
  const auto run = tapedeck::replay::run_embedded({.tape = argv[1]}, {.workers = 2},
                                                  [](unsigned) { return std::make_unique<Adder>(); });
  std::puts(run ? run->outcome.receipt.digest().c_str() : run.error().message.c_str());
  return run && run->outcome.equal ? 0 : 1;
}
