/// Finalizers that the platform itself sets. Source: Kubernetes *Garbage Collection*.
public enum Finalizer {
  public static let orphan = "orphan"
  public static let foreground = "foregroundDeletion"
}
