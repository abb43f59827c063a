# One file builds everything.  `make W=1` shows the whole commands.
#
#   make               build moat and the nginx module
#   make run           the demo: train, sign and serve a model behind the gateway
#   make test          floors, unit tests, end-to-end tests         (V=asan|tsan|cov: the same in that variant)
#   make check         gcc and clang with warnings as errors, asan, tsan, floors
#   make fuzz F=json T=30    one fuzzer for T seconds
#   make bench         ratios against other people's tools, side by side
#   make install       PREFIX=/usr/local DESTDIR=
#
# Variants live side by side in build/<V>, so switching never rebuilds the other.

ifndef W
.SILENT:
endif

V       ?= release
B       := build/$V
PREFIX  ?= /usr/local
PYTEST  := /usr/bin/python3 -m pytest

# What each variant adds.  Everything else is common.
CC.clang      := clang
CC.fuzz       := clang
FLAGS.release := -O2 -D_FORTIFY_SOURCE=2
FLAGS.gcc     := -O2 -Werror
FLAGS.clang   := -O2 -Werror
FLAGS.asan    := -O1 -fsanitize=address,undefined -fno-sanitize-recover=all
FLAGS.tsan    := -O1 -fsanitize=thread
FLAGS.cov     := -O0 --coverage
FLAGS.fuzz    := -O1 -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all

CC      := $(or $(CC.$V),gcc)
CFLAGS   = -std=c17 -D_GNU_SOURCE -g -Isrc -fPIC -fvisibility=hidden -ffp-contract=off -pthread \
           -Wall -Wextra -Wshadow -Wvla -Wstrict-prototypes -Wwrite-strings -Wformat=2 -Wno-missing-field-initializers \
           -fstack-protector-strong -MMD -MP $(LIB_CFLAGS) $(FLAGS.$V)
LDFLAGS := -Wl,-z,relro,-z,now -pthread $(FLAGS.$V)
LDLIBS   = $(LIBS) -lm

LIB     := $(filter-out src/cli/% src/nginx/%,$(wildcard src/*/*.c))
CLI     := $(wildcard src/cli/*.c)
obj      = $(patsubst %.c,$B/%.o,$(1))

# The nginx module fits one version of nginx only, so its headers live in a folder of that name.
MODULE     := $B/ngx_http_moat_module.so
NGINX      := build/nginx-$(subst :,_,$(shell dpkg-query -W -f '$${Version}' nginx 2>/dev/null))
NGINX_CORE := $(filter src/base/% src/format/% src/crypto/% src/finding/% src/pipeline/% src/gate/% src/spool/% src/num/%,$(LIB))

.PHONY: all run test check fuzz fuzz-all bench install clean
all: $B/moat $(MODULE)

$B/moat:    $(call obj,$(CLI) $(LIB))                       ; @echo '  LD $@'; $(CC) $(LDFLAGS) -pie -o $@ $^ $(LDLIBS)
$B/unit:    $(call obj,$(wildcard test/unit/*.c) $(LIB))    ; @echo '  LD $@'; $(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS) -lcmocka
$B/fuzz-%:  $B/test/fuzz/%.o $(call obj,$(LIB))             ; @echo '  LD $@'; $(CC) $(LDFLAGS) -fsanitize=fuzzer -o $@ $^ $(LDLIBS)
$(MODULE):  $(call obj,$(wildcard src/nginx/*.c)) $B/core.a  ; @echo '  LD $@'; $(CC) $(LDFLAGS) -shared -Wl,--as-needed -o $@ $^ $(LDLIBS)
$B/core.a:  $(call obj,$(NGINX_CORE))                       ; @rm -f $@; $(AR) rcs $@ $^
$B/bench-%: $B/test/bench/%.o $(call obj,$(LIB))            ; @echo '  LD $@'; $(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)
$B/%.o: %.c                                                 ; @echo '  CC $<'; mkdir -p $(@D); $(CC) $(CFLAGS) -c -o $@ $<
$B/%_avx2.o: CFLAGS += -mavx2 -mfma
.SECONDARY:

# nginx wants gnu17 and texts that are not const; -isystem keeps its headers out of our warnings.
$(call obj,$(wildcard src/nginx/*.c)): CFLAGS += -std=gnu17 -Wno-write-strings $(addprefix -isystem $(NGINX)/src/,. core event event/modules os/unix http http/modules http/v2)
$(call obj,$(wildcard src/nginx/*.c)): | $(NGINX)/configure.log
$(NGINX)/configure.log: tool/nginx-headers.sh               ; bash tool/nginx-headers.sh $(NGINX)

run: all
	@sh demo/run.sh $B/moat

test: build/packages-test all $B/unit
	sh tool/layers.sh
	$B/unit
	MOAT=$(abspath $B/moat) $(PYTEST) -q test/e2e

check: build/packages-test
	sh tool/layers.sh
	$(MAKE) V=gcc all build/gcc/unit
	$(MAKE) V=clang all build/clang/unit
	$(MAKE) V=asan test
	$(MAKE) V=tsan build/tsan/unit && build/tsan/unit

# Each prints its own table of ratios.
bench: build/packages-bench all $B/bench-ledger $B/bench-rows $B/bench-stats $B/bench-scan_pickle
	$B/bench-ledger
	$B/bench-rows
	@set -e; for b in $(wildcard test/bench/*.py); do echo "$$b"; MOAT=$(abspath $B/moat) /usr/bin/python3 $$b; done

FUZZERS := $(patsubst test/fuzz/%.c,%,$(wildcard test/fuzz/*.c))
T       ?= 30
fuzz: build/packages-test
	$(MAKE) V=fuzz build/fuzz/fuzz-$F
	@mkdir -p build/corpus/$F
	build/fuzz/fuzz-$F -max_total_time=$T -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 -artifact_prefix=build/corpus/$F- build/corpus/$F $(wildcard test/fuzz/seed/$F)
fuzz-all: ; @set -e; for f in $(FUZZERS); do $(MAKE) fuzz F=$$f T=$T; done

install: all
	install -D $B/moat $(DESTDIR)$(PREFIX)/bin/moat
	install -D -m 644 $(MODULE) $(DESTDIR)$(PREFIX)/lib/moat/$(notdir $(MODULE))

clean: ; rm -rf build

# Set-up runs by itself, once, before anything else: make rebuilds an included file first, then restarts.
ifneq ($(MAKECMDGOALS),clean)
include build/config.mk
endif
build/config.mk: tool/packages-run.txt tool/setup.sh       ; @mkdir -p build; sh tool/setup.sh run >$@.tmp && mv $@.tmp $@
build/packages-test: tool/packages-test.txt tool/setup.sh  ; @sh tool/setup.sh test && touch $@
build/packages-bench: tool/packages-bench.txt tool/setup.sh; @sh tool/setup.sh bench && touch $@

-include $(shell test -d $B && find $B -name '*.d')
