#include "tools/synth/zipf.h"

#include <cmath>

#include "engine/core/status.h"

namespace tapedeck::synth {
namespace {

// base^exponent by multiplications and square roots, bit by bit of the exponent: std::pow is not the same everywhere.
double power(double base, double exponent) {
  double result = 1;
  for (; exponent >= 1; exponent -= 1) result *= base;
  double root = base;
  for (int bit = 0; bit < 40 && exponent > 0; ++bit) {
    root = std::sqrt(root);
    exponent *= 2;
    if (exponent >= 1) {
      result *= root;
      exponent -= 1;
    }
  }
  return result;
}

// The weights of all ranks, so that their mean is 1.
std::vector<double> weights_of(uint32_t ranks, double exponent) {
  std::vector<double> weights(ranks);
  double sum = 0;
  for (uint32_t k = 0; k < ranks; ++k) {
    weights[k] = 1 / power(k + 1, exponent);
    sum += weights[k];
  }
  for (double& weight : weights) weight = weight * ranks / sum;
  return weights;
}

}  // namespace

Zipf::Zipf(uint32_t ranks, double exponent) {
  TD_CHECK(ranks > 0 && exponent >= 0 && exponent <= kExponentMax);
  std::vector<double> weights = weights_of(ranks, exponent);
  std::vector<uint32_t> light, heavy;  // below the mean, and not
  slots_.resize(ranks);
  for (uint32_t k = 0; k < ranks; ++k) {
    slots_[k] = {UINT32_MAX, k};
    (weights[k] < 1 ? light : heavy).push_back(k);
  }
  while (!light.empty() && !heavy.empty()) {  // a heavy rank fills up the slot of a light one
    const uint32_t low = light.back();
    const uint32_t high = heavy.back();
    light.pop_back();
    slots_[low] = {static_cast<uint32_t>(weights[low] * 4294967296.0), high};
    weights[high] -= 1 - weights[low];
    if (weights[high] < 1) {
      heavy.pop_back();
      light.push_back(high);
    }
  }
}

}  // namespace tapedeck::synth
