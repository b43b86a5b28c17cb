# Installs the build BUILD into a prefix of its own, then builds and runs this folder's project against it.
cmake_minimum_required(VERSION 3.25)
file(REMOVE_RECURSE ${WORK})

function(run)
  execute_process(COMMAND ${ARGN} COMMAND_ERROR_IS_FATAL ANY)
endfunction()

run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${WORK}/prefix)
run(${CMAKE_COMMAND} -S ${CMAKE_CURRENT_LIST_DIR} -B ${WORK}/build -G ${GENERATOR}
    -D CMAKE_CXX_COMPILER=${COMPILER} -D tapedeck_DIR=${WORK}/prefix/${LIBDIR}/cmake/tapedeck)
run(${CMAKE_COMMAND} --build ${WORK}/build)
run(${WORK}/build/consumer ${WORK}/session.tape)
run(${WORK}/prefix/bin/tapedeck info ${WORK}/session.tape)

# A recorded feed, where there is one, otherwise a made-up one; what the example prints is what the tape's digest is.
set(feed ${DATA}/iex-tops16-20170710/TOPS16.pcap)
if(NOT EXISTS ${feed})
  set(feed ${WORK}/session.pcap)
  run(${WORK}/prefix/bin/tapedeck synth -o ${feed} --messages 50000)
endif()
run(${WORK}/prefix/bin/tapedeck capture pcap:${feed} -o ${WORK}/feed.tape)
execute_process(COMMAND ${WORK}/prefix/bin/tapedeck info ${WORK}/feed.tape --digest --json
  OUTPUT_VARIABLE info COMMAND_ERROR_IS_FATAL ANY)
string(JSON digest GET ${info} digest)
execute_process(COMMAND ${WORK}/build/embedded ${WORK}/feed.tape
  OUTPUT_VARIABLE printed OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
if(NOT printed STREQUAL digest)
  message(FATAL_ERROR "the example of the README printed '${printed}', not the tape's digest '${digest}'")
endif()

file(READ ${CMAKE_CURRENT_LIST_DIR}/embedded.cc example)
file(READ ${CMAKE_CURRENT_LIST_DIR}/../../README.md readme)
string(FIND "${readme}" "${example}" place)
if(place EQUAL -1)
  message(FATAL_ERROR "README.md does not show tests/consumer/embedded.cc as it is")
endif()
