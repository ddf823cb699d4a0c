using BenchmarkDotNet.Running;
using Millrace.Pipeline;

// `dotnet run -c Release --project bench/Pipeline` runs the benchmark; `-- --allocated` only counts, in a second.
if (args is ["--allocated"])
    return Allocated.Run();
BenchmarkSwitcher.FromAssembly(typeof(SocketToSegment).Assembly).Run(args.Length == 0 ? ["--filter", "*"] : args);
return 0;
