# SPDX-License-Identifier: GPL-3.0-or-later
# What a program writes down for itself across a restart are images of its
# structures: the stamps, made from the sources that shape them, tell whether
# they are still the same.
function(sawatch_stamps)
	set(out ${CMAKE_BINARY_DIR}/stamps/stamps.h)
	set(headers ${CMAKE_SOURCE_DIR}/include/sawatch)
	set(track ${headers}/track.h ${headers}/record.h ${headers}/ike.h ${headers}/addr.h ${headers}/nsec.h
		${CMAKE_SOURCE_DIR}/src/track/tracker.h ${CMAKE_SOURCE_DIR}/src/track/path.h)
	file(GLOB detect CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/detect/*.c ${CMAKE_SOURCE_DIR}/src/detect/*.h)
	string(JOIN "|" track_joined ${track})
	string(JOIN "|" detect_joined ${track} ${detect})
	add_custom_command(OUTPUT ${out}
		COMMAND ${CMAKE_COMMAND} -DOUT=${out} "-DTRACK=${track_joined}" "-DDETECT=${detect_joined}"
			-P ${CMAKE_SOURCE_DIR}/cmake/stamp_files.cmake
		DEPENDS ${track} ${detect} ${CMAKE_SOURCE_DIR}/cmake/stamp_files.cmake VERBATIM)
	add_custom_target(sawatch_stamps DEPENDS ${out})
	foreach(layer track detect)
		add_dependencies(sawatch_${layer} sawatch_stamps)
		target_include_directories(sawatch_${layer} PRIVATE ${CMAKE_BINARY_DIR}/stamps)
	endforeach()
endfunction()

sawatch_stamps()
