# SPDX-License-Identifier: GPL-3.0-or-later
# Run by sawatch_stamps(): writes ${OUT} with a digest of the files ${TRACK} and one of ${DETECT}.
function(stamp files ret)
	set(all "")
	string(REPLACE "|" ";" files "${files}")
	foreach(file ${files})
		file(SHA256 ${file} digest)
		string(APPEND all ${digest})
	endforeach()
	string(SHA256 digest "${all}")
	string(SUBSTRING ${digest} 0 16 digest)
	set(${ret} ${digest} PARENT_SCOPE)
endfunction()

stamp("${TRACK}" track)
stamp("${DETECT}" detect)
file(WRITE ${OUT} "#define TRACK_STAMP \"${track}\"\n#define DETECT_STAMP \"${detect}\"\n")
