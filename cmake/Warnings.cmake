# SPDX-License-Identifier: GPL-3.0-or-later
# One interface target carries every flag, so that layers and tests agree.
add_library(sawatch_flags INTERFACE)
target_include_directories(sawatch_flags INTERFACE ${CMAKE_SOURCE_DIR}/include)
target_compile_definitions(sawatch_flags INTERFACE _GNU_SOURCE SAWATCH_VERSION="${PROJECT_VERSION}")
target_compile_options(sawatch_flags INTERFACE -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes
	-Wmissing-prototypes -Wpointer-arith -Wwrite-strings -Wformat=2 -UNDEBUG)	# asserts stay on in releases

if(SAWATCH_WERROR)
	target_compile_options(sawatch_flags INTERFACE -Werror)
endif()
if(SAWATCH_SANITIZE)
	target_compile_options(sawatch_flags INTERFACE -fsanitize=address,undefined
		-fno-sanitize-recover=all -fno-omit-frame-pointer)
	target_link_options(sawatch_flags INTERFACE -fsanitize=address,undefined)
endif()
if(SAWATCH_TSAN)	# of clang: gcc's has no fences (-Wtsan)
	target_compile_options(sawatch_flags INTERFACE -fsanitize=thread -fno-omit-frame-pointer)
	target_link_options(sawatch_flags INTERFACE -fsanitize=thread)
endif()
if(SAWATCH_COVERAGE)
	target_compile_definitions(sawatch_flags INTERFACE SAWATCH_COVERAGE)
	target_compile_options(sawatch_flags INTERFACE --coverage -O0)
	target_link_options(sawatch_flags INTERFACE --coverage)
endif()
if(SAWATCH_FUZZ)
	target_compile_options(sawatch_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
if(SAWATCH_HARDEN)
	target_compile_options(sawatch_flags INTERFACE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3
		-fstack-protector-strong -ffile-prefix-map=${CMAKE_SOURCE_DIR}=.)
	foreach(flag -fstack-clash-protection -fcf-protection=full -ftrivial-auto-var-init=zero)
		string(MAKE_C_IDENTIFIER "HAVE${flag}" have)
		check_c_compiler_flag("-Werror ${flag}" ${have})
		if(${have})
			target_compile_options(sawatch_flags INTERFACE ${flag})
		endif()
	endforeach()
	target_link_options(sawatch_flags INTERFACE -Wl,-z,relro,-z,now,-z,noexecstack
		-ffile-prefix-map=${CMAKE_SOURCE_DIR}=.)
	set(CMAKE_INTERPROCEDURAL_OPTIMIZATION ON)
endif()
