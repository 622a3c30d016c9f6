# SPDX-License-Identifier: GPL-3.0-or-later
# sawatch_layer(NAME [LINKS layer…] [OUTSIDE target…]): static library
# sawatch_NAME from src/NAME/*.c.  LINKS are layers to its left, OUTSIDE the
# libraries that only this layer may include.
function(sawatch_layer name)
	cmake_parse_arguments(arg "" "" "LINKS;OUTSIDE" ${ARGN})
	file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${name}/*.c)
	if(NOT sources)	# a layer is a library even before its first file
		file(WRITE ${CMAKE_BINARY_DIR}/${name}_empty.c "extern int sawatch_${name}_empty;\n")
		set(sources ${CMAKE_BINARY_DIR}/${name}_empty.c)
	endif()
	add_library(sawatch_${name} STATIC ${sources})
	target_include_directories(sawatch_${name} PRIVATE ${CMAKE_SOURCE_DIR}/src)
	target_link_libraries(sawatch_${name} PUBLIC sawatch_flags)
	foreach(layer ${arg_LINKS})
		target_link_libraries(sawatch_${name} PUBLIC sawatch_${layer})
	endforeach()
	target_link_libraries(sawatch_${name} PRIVATE ${arg_OUTSIDE})
endfunction()
