# SPDX-License-Identifier: GPL-3.0-or-later
# Text that ships inside the program: the schema and the pages of the conditions.
# sawatch_embed(TARGET symbol file…) generates `const struct embedded symbol[]`
# (include/sawatch/embedded.h) from the files, by name without directory.
function(sawatch_embed target symbol)
	set(out ${CMAKE_BINARY_DIR}/embedded/${symbol}.c)
	string(JOIN "|" joined ${ARGN})
	add_custom_command(OUTPUT ${out}
		COMMAND ${CMAKE_COMMAND} -DOUT=${out} -DSYMBOL=${symbol} "-DFILES=${joined}"
			-P ${CMAKE_SOURCE_DIR}/cmake/embed_files.cmake
		DEPENDS ${ARGN} ${CMAKE_SOURCE_DIR}/cmake/embed_files.cmake VERBATIM)
	target_sources(${target} PRIVATE ${out})
endfunction()

file(GLOB schema CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/schema/*.sql)
file(GLOB pages CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/detect/*.md)
list(FILTER pages EXCLUDE REGEX "README")
sawatch_embed(sawatch_store embedded_schema ${schema})
sawatch_embed(sawatch_detect embedded_pages ${pages})
