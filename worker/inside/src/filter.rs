//! System calls that nothing in a sandbox needs and that reach outside it: a deny list modelled on
//! Docker's and Flatpak's default profiles and the kernel documentation of each call.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen as Length, SeccompCmpOp as Is, SeccompCondition,
    SeccompFilter, SeccompRule, TargetArch, apply_filter, sock_filter,
};

type SyscallRules = BTreeMap<i64, Vec<SeccompRule>>;

/// Blocks them for this process and its descendants.
pub fn close() -> Result<()> {
    rustix::thread::set_no_new_privs(true)?;
    // `ENOSYS` looks like an older kernel, so programs fall back to other calls.
    apply(absent(), libc::ENOSYS)?;
    apply(refused()?, libc::EPERM)
}

fn apply(rules: SyscallRules, errno: i32) -> Result<()> {
    let arch = TargetArch::try_from(std::env::consts::ARCH)?;
    let errno = SeccompAction::Errno(errno.unsigned_abs());
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, errno, arch)?;
    let program: BpfProgram = filter.try_into()?;
    apply_filter(&without_x32(program)).context("seccomp rejected the filter")
}

/// The x32 system calls of x86-64 (`__X32_SYSCALL_BIT`) would bypass the filter.
fn without_x32(program: BpfProgram) -> BpfProgram {
    if !cfg!(target_arch = "x86_64") {
        return program;
    }
    let step = |code: u32, jt, jf, k| sock_filter {
        code: u16::try_from(code).unwrap_or(0),
        jt,
        jf,
        k,
    };
    let number = step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0);
    let is_x32 = step(
        libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K,
        0,
        1,
        0x4000_0000,
    );
    let absent = libc::SECCOMP_RET_ERRNO | libc::ENOSYS.unsigned_abs();
    let refuse = step(libc::BPF_RET | libc::BPF_K, 0, 0, absent);
    [vec![number, is_x32, refuse], program].concat()
}

/// `clone3` hides its flags behind a pointer; io_uring makes calls that no filter sees.
fn absent() -> SyscallRules {
    let calls = [
        libc::SYS_clone3,
        libc::SYS_io_uring_setup,
        libc::SYS_io_uring_enter,
        libc::SYS_io_uring_register,
    ];
    calls.into_iter().map(|call| (call, vec![])).collect()
}

fn refused() -> Result<SyscallRules> {
    let mut rules: SyscallRules = REFUSED.iter().map(|call| (*call, vec![])).collect();
    rules.insert(
        libc::SYS_clone,
        vec![when(0, Is::MaskedEq(NEW_USER), NEW_USER)?],
    );
    // Input injected into a terminal would be read by its next reader as typed.
    let inject = [libc::TIOCSTI, libc::TIOCLINUX];
    let inject: Result<Vec<_>> = inject
        .into_iter()
        .map(|one| when(1, Is::MaskedEq(WORD), one))
        .collect();
    rules.insert(libc::SYS_ioctl, inject?);
    // Any address family except these: raw packets, VM sockets, Bluetooth and the like.
    let families = [
        libc::AF_UNIX,
        libc::AF_INET,
        libc::AF_INET6,
        libc::AF_NETLINK,
    ];
    let other: Result<Vec<_>, _> = families
        .into_iter()
        .map(|family| {
            SeccompCondition::new(0, Length::Dword, Is::Ne, u64::from(family.unsigned_abs()))
        })
        .collect();
    rules.insert(libc::SYS_socket, vec![SeccompRule::new(other?)?]);
    Ok(rules)
}

const NEW_USER: u64 = libc::CLONE_NEWUSER.unsigned_abs() as u64;
const WORD: u64 = 0xffff_ffff;

fn when(argument: u8, is: Is, value: u64) -> Result<SeccompRule> {
    let condition = SeccompCondition::new(argument, Length::Qword, is, value)?;
    Ok(SeccompRule::new(vec![condition])?)
}

/// Access to other processes' memory; new namespaces and mounts; the kernel's keys, programs,
/// modules and clocks.
const REFUSED: &[i64] = &[
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_kcmp,
    libc::SYS_pidfd_getfd,
    libc::SYS_userfaultfd,
    libc::SYS_perf_event_open,
    libc::SYS_bpf,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_open_by_handle_at,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    libc::SYS_syslog,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_vhangup,
];
