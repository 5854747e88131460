import Model
import OCITypes

/// What a profile's rules may depend on.
public struct SeccompTerms: Sendable {
  public var capabilities: Set<Capability>
  /// `x86_64` or `aarch64`.
  public var architecture: String
  public var kernel: KernelVersion
  public init(capabilities: Set<Capability>, architecture: String, kernel: KernelVersion) {
    self.capabilities = capabilities
    self.architecture = architecture
    self.kernel = kernel
  }
}

/// System-call filters for containers.
public enum SeccompProfile {
  /// The engine's own profile.
  public static func standard(_ terms: SeccompTerms) -> RuntimeSpec.Linux.Seccomp {
    RuntimeSpec.Linux.Seccomp(defaultAction: .allow)
  }

  /// A client's profile in docker's JSON form.
  public static func parse(_ bytes: [UInt8], terms: SeccompTerms) throws -> RuntimeSpec.Linux.Seccomp {
    throw PlatformError(.notImplemented, "seccomp profiles of a client's own are not supported")
  }
}
